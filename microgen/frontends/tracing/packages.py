"""What the conversion of PyTorch and ONNX needs."""

EXTRA = "torch"
PACKAGES = ("torch", "litert_torch", "ai_edge_quantizer")
