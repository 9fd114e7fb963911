"""The kind of project "arduino-library"."""
