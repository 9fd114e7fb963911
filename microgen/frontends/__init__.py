"""What a model comes as, and how it becomes a .tflite."""
