"""What PyTorch and ONNX have in common: a graph as a torch module, through litert-torch to a checked float .tflite."""
