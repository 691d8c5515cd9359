"""An audit as a folder of pages that work from a file and fetch nothing: an index, a page per repository, a page per image.

The index and the images' pages are markup that needs no script; a repository's page is the one that a single run writes
(`auditor.report.html`).
"""

from auditor.report.fleet.site.write import render as render
