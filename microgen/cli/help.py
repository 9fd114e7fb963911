"""What `--help` of a command shows: its options in groups, the kinds of their values, and examples."""

from __future__ import annotations

import re
from typing import Any

from typer.core import TyperCommand

# The groups of options, and the parameters in each. What stands in none is in the last one, "Options".
GROUPS = {
    "Model and data": (
        "name", "labels", "calibration", "scheme", "value_range", "sample_rate", "allow_float", "recurrent",
        "accept_noise", "recipe", "phrase", "data", "float_model", "window", "stride", "rate", "label", "units",
        "student", "model",
    ),
    "Board and firmware": (
        "board", "all_boards", "project", "application", "application_option", "mlperf", "selftest_at_boot", "arena",
        "runtime", "optimize", "flash_budget", "compile",
    ),
    "Method": (
        "method", "methods", "amount", "epochs", "batch_size", "temperature", "alpha", "energy", "other", "join",
        "share",
    ),
    "Verification": ("samples", "no_verify", "verify_on", "layers", "on", "baud", "record"),
}  # fmt: skip
_OTHERS = "Options"
# A command with fewer options than this has one list.
_FEW = 9
# How the kinds of values are written, by Python's name of them.
_KINDS = {"path": "PATH", "str": "TEXT", "int": "INT", "float": "NUMBER"}

EXAMPLES = {
    "build": (
        "microgen build model.tflite --board nano33ble",
        "microgen build model.keras --calibration images/ --range -1,1",
        "microgen build model.tflite --board pico --runtime compiled",
        "microgen build wake.tflite person.tflite --board esp32s3",
        "microgen build --recipe keyword --board esp32s3",
        'microgen build --recipe wakeword --phrase "hey robot" --app microphone',
    ),
    "quantize": ("microgen quantize model.keras --calibration samples.npy -o model_int8.tflite",),
    "train": (
        "microgen train digits --seed 1",
        "microgen train gesture --data moves.csv --window 100 --board nano33ble",
        "microgen train keyword --data words/ --board esp32",
    ),
    "inspect": ("microgen inspect model.tflite --board pico", "microgen inspect model.tflite --report model.html"),
    "boards": ("microgen boards", "microgen boards esp32 --toml > my-board.toml"),
    "verify": (
        "microgen verify model-esp32 --layers",
        "microgen verify model-esp32 --on /dev/ttyUSB0",
        "microgen verify model-pico --data test/ --float model.keras",
        "microgen verify model-pico --data test.npz --report verify.html",
    ),
    "bench": ("microgen bench model-esp32 --on /dev/ttyUSB0", "microgen bench model-pico --on emulator"),
    "selftest": ("microgen selftest model-esp32 --on /dev/ttyUSB0",),
    "tune": ("microgen tune model-esp32 --on /dev/ttyUSB0",),
    "simulate": ("microgen simulate model-esp32",),
    "compress": ("microgen compress model.keras --method prune:0.8 --data train.npz",),
    "sweep": (
        "microgen sweep model.keras --try prune:0.5,prune:0.8+qat --data train.npz",
        "microgen sweep model.pt2 --calibration data.npy --board pico",
    ),
    "merge": ("microgen merge a.tflite b.tflite -o both.tflite",),
}


class HelpCommand(TyperCommand):
    """A command whose help has its options in groups, and examples."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:  # noqa: ANN401
        """Return what stands behind the command's name: its arguments, in brackets where they may be missing."""
        pieces = ["[OPTIONS]"]
        for argument in (p for p in self.get_params(ctx) if p.param_type_name == "argument"):
            name = str(argument.name).upper() + ("..." if argument.nargs != 1 else "")
            pieces.append(name if argument.required else f"[{name}]")
        return pieces

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 - typer has no public type of these
        """Write the arguments, the groups of options, and the examples."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        records = [(p, p.get_help_record(ctx)) for p in self.get_params(ctx)]
        many = len(records) >= _FEW
        groups |= {name: [] for name in (*(GROUPS if many else ()), _OTHERS)}
        for parameter, record in records:
            if record is None:
                continue
            group = "Arguments" if parameter.param_type_name == "argument" else _group(parameter.name, many)
            name, text = record
            if group == "Arguments":
                name = name.partition(" ")[0].upper()
            groups[group].append((_readable(name), text))
        for name, rows in groups.items():
            if rows:
                with formatter.section(name):
                    formatter.write_dl(rows)
        if examples := EXAMPLES.get(str(self.name)):
            with formatter.section("Examples"):
                for example in examples:
                    formatter.write(f"{' ' * formatter.current_indent}{example}\n")


def _group(name: str | None, many: bool) -> str:
    return next((group for group, names in GROUPS.items() if name in names), _OTHERS) if many else _OTHERS


def _readable(option: str) -> str:
    """Return how an option is written, with the kind of its value as people know it: "--samples INT"."""
    return re.sub(r"<(?:list\[)?(\w+)\]?>", lambda kind: _KINDS.get(kind[1].lower(), kind[0]), option)
