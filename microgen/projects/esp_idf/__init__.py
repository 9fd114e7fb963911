"""The kind "esp-idf": a component with the model, and a project around it."""
