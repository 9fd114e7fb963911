"""Decides how a model goes onto a board: runtime, golden vectors, use of the memories."""

from .choice import AUTO, Candidate, Choice, candidates, choose, choose_runtime, usual_runtime
from .cost import DeviceCost, device_cost
from .deployment import Deployment, check_model, check_names, deploy, deploy_together
from .golden import Golden, choose_golden, golden_bytes, golden_inferences, golden_shape, with_golden
from .model_file import model_file

__all__ = [
    "AUTO",
    "Candidate",
    "Choice",
    "Deployment",
    "DeviceCost",
    "Golden",
    "candidates",
    "check_model",
    "check_names",
    "choose",
    "choose_golden",
    "choose_runtime",
    "deploy",
    "deploy_together",
    "device_cost",
    "golden_bytes",
    "golden_inferences",
    "golden_shape",
    "model_file",
    "usual_runtime",
    "with_golden",
]
