"""A model and a board become a deployment: runtime, golden vectors, and what they take of the memories."""

from .choice import AUTO, Candidate, Choice, candidates, choose, choose_runtime, usual_runtime
from .deployment import Deployment, check_model, deploy
from .golden import Golden, choose_golden, golden_bytes, golden_inferences, golden_shape
from .model_file import model_file

__all__ = [
    "AUTO",
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
    "golden_inferences",
    "golden_shape",
    "model_file",
    "usual_runtime",
]
