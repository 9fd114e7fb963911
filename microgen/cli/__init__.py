"""The commands: each parses, calls one public function, and prints. Nothing heavy is imported before it is needed."""

from . import models, projects, compression  # isort: skip  # --help lists their commands in this order
from .base import app

__all__ = ["app", "compression", "models", "projects"]
