"""The kind of project "pico-sdk"."""
