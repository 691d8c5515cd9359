"""What is timed, against what, and how to run it: `make bench`, or one of them by `python -m benchmarks.<name>`."""
