"""The client of a firmware: MLPerf Tiny's serial commands and microgen's own, over any transport."""

from .client import Client, DutError
from .transport import HostProcess, Transport

__all__ = ["Client", "DutError", "HostProcess", "Transport"]
