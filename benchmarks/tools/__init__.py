"""The tools that are compared, one a file; each says how it is called and looks at what it made."""

from __future__ import annotations

from . import (
    bakenn,
    converter,
    emx_onnx_cgen,
    esp_easy_ai,
    mcufit,
    microgen,
    shrinkray,
    tinyml_deployer,
    tinymlgen,
    xxd,
)
from .tool import Outcome, Tool

TOOLS: tuple[Tool, ...] = (
    microgen.TOOL,
    tinyml_deployer.TOOL,
    bakenn.TOOL,
    emx_onnx_cgen.TOOL,
    shrinkray.TOOL,
    tinymlgen.TOOL,
    converter.TOOL,
    xxd.TOOL,
    mcufit.TOOL,
    esp_easy_ai.TOOL,
)

__all__ = ["TOOLS", "Outcome", "Tool"]
