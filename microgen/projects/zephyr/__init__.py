"""The kind "zephyr": a module for Zephyr with the model, and a sample that runs it."""
