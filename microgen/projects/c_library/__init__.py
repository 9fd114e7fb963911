"""The kind of project "c-library"."""
