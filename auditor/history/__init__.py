"""What audits remember: one SQLite file of runs, of what each repository deployed and since when, and of work half done."""
