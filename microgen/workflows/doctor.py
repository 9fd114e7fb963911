"""What this machine has of what microgen can use."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

from .._version import __version__
from ..devices import host_build as hostbuild
from ..errors import SetupError, one_line
from ..frontends import FRONTENDS
from ..frontends.source import suffixes


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        name: what.
        is_present: whether it is here.
        detail: its version or place, or what is wrong with it.
        purpose: what needs it.
        remedy: how to get it; see `microgen.errors.spell`.
        is_essential: whether building and verifying a .tflite needs it.
    """

    name: str
    is_present: bool
    detail: str
    purpose: str
    remedy: str
    is_essential: bool = False


def examine() -> list[Finding]:
    """Look for everything that microgen can use."""
    from ..runtimes import reference  # `--version` needs it not, and must start fast

    obstacle = reference.obstacle()
    return [
        Finding("Python", True, f"{platform.python_version()} ({sys.executable})", "everything", "", True),
        _compiler(),
        Finding(
            "TFLM for the host",
            not obstacle,
            "" if obstacle else f"tflite-micro {reference.VERSION}",
            "verify what the firmware computes",
            f"{obstacle}; pip install tflite-micro=={reference.VERSION}" if obstacle else "",
            True,
        ),
        _package(
            "LiteRT",
            "ai-edge-litert",
            "ai_edge_litert",
            "verify against Python",
            "pip install ai-edge-litert",
            True,
        ),
        _package("TensorFlow", "tensorflow", "tensorflow", "train and quantize", "pip install 'microgen[train]'"),
        *_frontends(),
        _package("PlatformIO", "platformio", "platformio", "compile and flash", "pip install 'microgen[flash]'"),
        _package("pyserial", "pyserial", "serial", "talk to a board", "pip install 'microgen[flash]'"),
        *_emulator(),
    ]


def versions() -> list[tuple[str, str]]:
    """Return the versions of what a result depends on, read from the packages' metadata: nothing is imported."""
    listed = [
        ("microgen", __version__),
        ("Python", f"{platform.python_version()}, {platform.system()} {platform.machine()}"),
    ]
    for name in ("tflite-micro", "ai-edge-litert", "tensorflow", "platformio"):
        try:
            listed.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            listed.append((name, "not installed"))
    compiler = _compiler()
    return [*listed, ("compiler", compiler.detail if compiler.is_present else "none")]


def _compiler() -> Finding:
    purpose, remedy = (
        "compile the firmware for this machine",
        "install g++, or pip install 'microgen[compiler]'",
    )
    try:
        command = hostbuild.compiler()
    except SetupError as error:
        return Finding("C++ compiler", False, error.message, purpose, error.template[1], True)
    return Finding("C++ compiler", True, _version(*command), purpose, remedy, True)


def _frontends() -> list[Finding]:
    """Look for the packages that models are converted with, by what they come as."""
    findings = []
    for frontend in FRONTENDS:
        missing = [package for package in frontend.packages if importlib.util.find_spec(package) is None]
        detail = "" if missing else ", ".join(frontend.packages)
        remedy = f"pip install 'microgen[{frontend.extra}]'" if missing else ""
        if frontend.packages:
            name = re.sub(r"^(an?|the) | \(.*?\)", "", frontend.title)  # without article and remark
            findings.append(Finding(name, not missing, detail, f"quantize {suffixes(frontend)}", remedy))
    return findings


def _emulator() -> list[Finding]:
    """Look for the cross compilers and the emulators of all CPUs; one command installs all that is missing."""
    from ..boards import cpu_names, load_cpu
    from ..devices.emulator import tools

    cpus = [cpu for cpu in map(load_cpu, cpu_names()) if cpu.compiler is not None]
    missing = tools.missing_packages(cpus)
    remedy = tools.install_command(missing) if missing else ""
    programs: dict[str, tuple[str, set[str], list[str]]] = {}
    for cpu in cpus:
        assert cpu.compiler is not None
        compiler = f"{cpu.compiler.prefix}g++"
        programs.setdefault(compiler, ("compile for", set(cpu.compiler.all_packages), []))[2].append(cpu.title)
        for machine in cpu.machines:
            titles = programs.setdefault(machine.program, ("emulate", {machine.package}, []))[2]
            titles += [] if cpu.title in titles else [cpu.title]
    findings = []
    for program, (verb, packages, titles) in programs.items():
        is_here = shutil.which(program) is not None and not packages & set(missing)
        detail = _version(program) if is_here else ""
        findings.append(Finding(program, is_here, detail, f"{verb} {', '.join(titles)}", "" if is_here else remedy))
    return findings


def _version(*command: str) -> str:
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, errors="replace")
    return one_line(done.stdout.split("\n")[0])


def _package(
    name: str, distribution: str, module: str, purpose: str, remedy: str, is_essential: bool = False
) -> Finding:
    is_here = importlib.util.find_spec(module) is not None
    detail = f"{distribution} {importlib.metadata.version(distribution)}" if is_here else ""
    if name == "PlatformIO" and not is_here and shutil.which("pio"):
        is_here, detail = True, str(shutil.which("pio"))
    return Finding(name, is_here, detail, purpose, remedy, is_essential)
