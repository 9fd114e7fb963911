"""What users ask for: one file per command; build_*.py are the parts of `build`, the others serve several commands."""
