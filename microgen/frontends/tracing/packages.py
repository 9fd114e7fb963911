"""What the conversion of PyTorch and ONNX needs, and the processes that it runs in, and PyTorch's training."""

import sys
from dataclasses import replace

from ... import workers

# To import litert-torch takes several times as long as most conversions: all of a command are forked from one process
# that has done so.
_MODULES = ("litert_torch", "ai_edge_quantizer.quantizer", "microgen.frontends.pytorch.module")
_PRELOAD = _MODULES if sys.platform == "linux" else ()
ENGINE = replace(workers.CONVERTER, preload=_PRELOAD)
TRAINING = replace(workers.TRAINING, preload=_PRELOAD)
