"""TensorFlow Lite Micro: the reference runtime."""
