"""A model and a board become a deployment: runtime, golden vectors, and what they take of the memories."""

from .deployment import Deployment, check_model, deploy
from .golden import GOLDEN_MAX, Golden, choose_golden, golden_bytes

__all__ = [
    "GOLDEN_MAX",
    "Deployment",
    "Golden",
    "check_model",
    "choose_golden",
    "deploy",
    "golden_bytes",
]
