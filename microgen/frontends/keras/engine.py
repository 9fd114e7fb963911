"""The processes in which TensorFlow converts and trains."""

import sys
from dataclasses import replace

from ... import workers

# To import TensorFlow takes longer than most jobs do: all of a command are forked from one process that has done so.
# It has one thread until TensorFlow computes something.
_PRELOAD = ("microgen.frontends.keras.preload",) if sys.platform == "linux" else ()
CONVERTER = replace(workers.CONVERTER, preload=_PRELOAD)
TRAINING = replace(workers.TRAINING, preload=_PRELOAD)
