"""`-f html`: one self-contained page, from the verdict down to each signature's step."""

from auditor.report.html.page import render

__all__ = ["render"]
