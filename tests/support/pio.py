"""PlatformIO without the internet: its build tool from the SCons package, a platform and a TFLM library put in place.

What the registry and GitHub would have delivered lies where PlatformIO would have put it, with the record that it
keeps of a package, so that it reads the project's own, unchanged platformio.ini.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from microgen.boards import native_snapshot
from microgen.runtimes.tflm.host import tflm_library
from microgen.support import resources

_PLATFORM = Path(__file__).parent / "platformio" / "native"


def core(folder: Path) -> Path:
    """Make a PLATFORMIO_CORE_DIR with a build tool and the platform "native"."""
    for module in ("platformio", "SCons"):
        found = importlib.util.find_spec(module)
        if found is None or found.origin is None:
            pytest.skip(f"the Python package {module} is not installed")
    scons = folder / "packages" / "tool-scons"
    scons.mkdir(parents=True)
    (scons / "SCons").symlink_to(Path(found.origin).parent)
    (scons / "scons.py").write_text("import sys\nimport SCons.Script\n\nsys.exit(SCons.Script.main())\n")
    _package(scons, "tool", "tool-scons", "4.41101.0", {"owner": "platformio", "name": "tool-scons"})
    (scons / "package.json").write_text(json.dumps({"name": "tool-scons", "version": "4.41101.0"}))
    platform = folder / "platforms" / "native"
    shutil.copytree(_PLATFORM, platform)
    _package(platform, "platform", "native", "1.2.1", {"owner": "platformio", "name": "native"})
    return folder


def put_tflm(project: Path) -> dict[str, str]:
    """Put the TFLM of the tflite-micro package where the pico-tflmicro library would be; return what to set."""
    name, _, url = native_snapshot().lib_deps[0].partition("=")
    library = project / ".pio" / "libdeps" / "native" / name
    shutil.copytree(
        resources.path("firmware") / "runtimes" / "tflm" / "host",
        library / "src",
        ignore=shutil.ignore_patterns("selftest*"),
    )
    tflm = tflm_library()
    assert tflm is not None
    # TFLM is part of a Python module: give its references to Python something to point at. None is ever used.
    undefined = subprocess.run(["nm", "-D", "--undefined-only", tflm], check=True, capture_output=True, text=True)
    symbols = sorted({word for word in undefined.stdout.split() if word.startswith(("Py", "_Py"))})
    (library / "src" / "python.c").write_text("".join(f"char {symbol}[256];\n" for symbol in symbols))
    (library / "library.json").write_text(
        json.dumps({"name": name, "version": "0.0.0", "build": {"libArchive": False}})
    )
    _package(library, "library", name, "0.0.0", {"owner": None, "name": name, "uri": f"git+{url}"})
    return {"TEST_LIBRARY": str(tflm)}


@dataclass
class Pio:
    """PlatformIO with a core folder of its own."""

    core: Path
    environment: dict[str, str]

    def __call__(self, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "platformio", *arguments],
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            env={**os.environ, **environment(self.core), **self.environment},
        )


def environment(core_dir: Path) -> dict[str, str]:
    # A proxy that nobody listens at: whatever asks the internet fails at once.
    return {
        "PLATFORMIO_CORE_DIR": str(core_dir),
        "PLATFORMIO_SETTING_ENABLE_TELEMETRY": "no",
        "PLATFORMIO_SETTING_CHECK_PLATFORMIO_INTERVAL": "9999",
        "PLATFORMIO_NO_ANSI": "true",
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"),
    }


def _package(folder: Path, kind: str, name: str, version: str, spec: dict[str, str | None]) -> None:
    full = {"owner": None, "id": None, "name": name, "requirements": None, "uri": None, **spec}
    (folder / ".piopm").write_text(json.dumps({"type": kind, "name": name, "version": version, "spec": full}))
