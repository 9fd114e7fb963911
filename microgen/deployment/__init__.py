"""A model and a board become a deployment: operators, arena, golden vectors, and what they take of the memories."""

from ..applications.serial import Options
from ..runtimes.tflm.arena import Arena, plan_board
from .deployment import Deployment, check, deploy, known_issues
from .golden import GOLDEN_MAX, Golden, choose_golden, golden_bytes

__all__ = [
    "GOLDEN_MAX",
    "Arena",
    "Deployment",
    "Golden",
    "Options",
    "check",
    "choose_golden",
    "deploy",
    "golden_bytes",
    "known_issues",
    "plan_board",
]
