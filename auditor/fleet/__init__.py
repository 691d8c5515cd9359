"""Many repositories: each read on its own, each distinct image asked about once, each judged by its own rules."""
