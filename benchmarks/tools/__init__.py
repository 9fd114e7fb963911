"""The tools that are compared, one a file; each says how it is called and looks at what it made."""

from __future__ import annotations

from . import bakenn, converter, mcufit, microgen, tinyml_deployer, tinymlgen, xxd
from .tool import Outcome, Tool

TOOLS: tuple[Tool, ...] = (
    microgen.TOOL,
    tinyml_deployer.TOOL,
    bakenn.TOOL,
    tinymlgen.TOOL,
    converter.TOOL,
    xxd.TOOL,
    mcufit.TOOL,
)

__all__ = ["TOOLS", "Outcome", "Tool"]
