"""A model and a board become a deployment: runtime, golden vectors, and what they take of the memories."""

from ..applications.serial import Options
from .deployment import Deployment, check, deploy
from .golden import GOLDEN_MAX, Golden, choose_golden, golden_bytes

__all__ = [
    "GOLDEN_MAX",
    "Deployment",
    "Golden",
    "Options",
    "check",
    "choose_golden",
    "deploy",
    "golden_bytes",
]
