"""`python -m auditor`: the same as the `auditor` program."""

from auditor.cli.main import run

run()
