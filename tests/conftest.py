from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import hypothesis
import numpy as np
import pytest

import microgen
from microgen.workers import unused
from tests.support import models
from tests.support.docs_files import Files
from tests.support.once import shared_folder
from tests.support.serial_board import build
from tests.support.tools import needs_host

# The same examples in each run. A busy machine is slow, which is no failure.
hypothesis.settings.register_profile(
    "microgen", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("microgen")
# PyTorch's builds with CUDA bring Triton, which crashes where TensorFlow was loaded before it.
with contextlib.suppress(ImportError):
    importlib.import_module("triton")
unused.hide()  # some tests use Keras in their own process

WARM = str(Path(__file__).parent / "support/warm")
SHARED = Path(__file__).parent.parent.parent / "shared" / "models"
# Files whose slow tests take many seconds each, and share nothing but what is made once for all processes.
LONG = (
    "tests/compression/",
    "tests/frontends/pytorch/test_networks.py",
    "tests/recipes/",
    "tests/repository/test_docs.py",
    "tests/repository/test_examples.py",
)


def pytest_configure(config):
    """Let fork servers begin with their modules loaded (support/warm)."""
    if hasattr(config, "workerinput") or sys.platform != "linux":
        return
    folder = Path(tempfile.mkdtemp(prefix="microgen-warm-"))
    (folder / "owner").write_text(str(os.getpid()))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    os.environ["MICROGEN_TESTS_WARM"] = str(folder)
    os.environ["PYTHONPATH"] = os.pathsep.join([WARM, *filter(None, [os.environ.get("PYTHONPATH")])])


def pytest_collection_modifyitems(items):
    """Let each process begin with its share of the longest tests: a long one at the end leaves the others idle.

    xdist cuts the list into equal parts, one a process, and takes from the end of one for a process that is done.
    """
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if processes == 1:
        return
    long = [item for item in items if item.nodeid.startswith(LONG) and item.get_closest_marker("slow")]
    taken = set(long)
    short = iter([item for item in items if item not in taken])
    ordered = []
    for number in range(processes):
        size = (len(items) - len(ordered)) // (processes - number)
        share = long[number::processes]
        ordered += [*share, *itertools.islice(short, max(0, size - len(share)))]
    items[:] = [*ordered, *short]


@pytest.fixture(scope="session")
def shared_models() -> Path:
    """The folder of real models, which is not part of the project."""
    if not SHARED.is_dir():
        pytest.skip("the real models (shared/models beside the project) are not here")
    return SHARED


@pytest.fixture(scope="session")
def digits(trained_digits):
    """The digits recipe, trained, as the path of its .keras file."""
    pytest.importorskip("tensorflow_model_optimization", reason="tensorflow-model-optimization is not installed")
    return trained_digits / "digits.keras"


@pytest.fixture(scope="session")
def trained_digits(tmp_path_factory):
    """What the digits recipe writes, as a folder: for the documentation it is made anyway."""
    return Files(shared_folder(tmp_path_factory) / "docs-files").path("digits")


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder of projects: "wide", whose input takes seven commands to load, "multi" with two inputs and two outputs,
    and "small"."""
    needs_host()
    folder = tmp_path_factory.mktemp("projects")
    build(folder, models.fully_connected(units=20, width=300), "wide")
    build(folder, models.two_by_two(), "multi")
    build(folder, models.fully_connected(), "small")
    return folder


@pytest.fixture(scope="session")
def listening(tmp_path_factory):
    """A project with a microphone, whose ten scores are the means of five frames of cepstral coefficients."""
    needs_host()
    axis = ([1], "int32", np.array([1]))
    data = models.layer("MEAN", [([1, 5, 10], "int8"), axis], [([1, 10], "int8", 1 / 256, -128)], "Reducer")
    path = tmp_path_factory.mktemp("listening") / "m.tflite"
    path.write_bytes(data)
    return microgen.build(
        path, "nano33ble", out=path.parent / "p", verify=False, application="microphone",
        application_options={"front_end": "mlperf", "stride_ms": "40", "average": "2", "cutoff": "0.6"},
        runtime="compiled",
    ).project  # fmt: skip


@pytest.fixture
def wide(made):
    return made / "wide"
