"""From a sensor's samples to the input of a model."""
