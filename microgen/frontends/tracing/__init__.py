"""The shared part of PyTorch and ONNX: converts a graph with litert-torch to a checked float .tflite."""
