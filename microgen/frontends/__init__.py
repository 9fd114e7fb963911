"""Frontends, the first of the four doors: they convert models of one format to a .tflite.

A frontend is one file or package with one object (`frontend.Frontend`) and one entry below; nothing else in microgen
names it. The members import little before they convert: the help of the commands lists their suffixes.
"""

from ..defaults import FRONTEND as DEFAULT_FRONTEND
from ..support.registry import Registry
from .frontend import Frontend

__all__ = ["DEFAULT_FRONTEND", "FRONTENDS"]


def _tflite() -> Frontend:
    from .tflite import FRONTEND

    return FRONTEND


def _float_tflite() -> Frontend:
    from .float_tflite.frontend import FRONTEND

    return FRONTEND


def _keras() -> Frontend:
    from .keras.frontend import FRONTEND

    return FRONTEND


def _saved_model() -> Frontend:
    from .saved_model import FRONTEND

    return FRONTEND


def _pytorch() -> Frontend:
    from .pytorch.frontend import FRONTEND

    return FRONTEND


def _onnx() -> Frontend:
    from .onnx.frontend import FRONTEND

    return FRONTEND


def _c_array() -> Frontend:
    from .c_array import FRONTEND

    return FRONTEND


# Messages list what they take in this order.
FRONTENDS: Registry[Frontend] = Registry(
    "frontend",
    {
        "tflite": _tflite,
        "float_tflite": _float_tflite,
        "keras": _keras,
        "saved_model": _saved_model,
        "pytorch": _pytorch,
        "onnx": _onnx,
        "c_array": _c_array,
    },
)
