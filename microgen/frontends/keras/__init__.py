"""Keras models and SavedModels to a full-integer .tflite: jobs for a worker process, and the table of what fails.

The converter takes its process down on some models, so nothing here imports TensorFlow outside a job.
"""
