"""esp-easy-ai: from a JSON description and CSV files to a trained model in an ESP-IDF project.

It reads no models, and needs Python 3.9, which is older than microgen runs with: the results say so.
"""

from __future__ import annotations

from .tool import Tool

TOOL = Tool("esp-easy-ai", ("esp-easy-ai==0.1.0.dev1",))
