"""What the conversion of PyTorch and ONNX needs, and the processes that it runs in."""

import sys
from dataclasses import replace

from ...workers import CONVERTER

# To import litert-torch takes several times as long as most conversions: all of a command are forked from one process
# that has done so.
_PRELOAD = ("litert_torch", "ai_edge_quantizer.quantizer", "microgen.frontends.pytorch.module")
ENGINE = replace(CONVERTER, preload=_PRELOAD if sys.platform == "linux" else ())
