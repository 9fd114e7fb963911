"""ONNX files, interpreted as torch modules."""
