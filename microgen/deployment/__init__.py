"""A model and a board become a deployment: runtime, golden vectors, and what they take of the memories."""

from .choice import AUTO, Candidate, Choice, candidates, choose, choose_runtime, usual_runtime
from .deployment import Deployment, check_model, deploy
from .golden import GOLDEN_MAX, Golden, choose_golden, golden_bytes

__all__ = [
    "AUTO",
    "GOLDEN_MAX",
    "Candidate",
    "Choice",
    "Deployment",
    "Golden",
    "candidates",
    "check_model",
    "choose",
    "choose_golden",
    "choose_runtime",
    "deploy",
    "golden_bytes",
    "usual_runtime",
]
