"""Writes the figures of benchmarks/RESULTS.json into README.md and the guides: python docs/figures.py [FOLDER]

So are the number of boards and the costs of boards/cpus/. Each figure has a place: a row of a table or part of a
sentence, with `{}` for what was measured and `*` for a cell that is not. FOLDER takes the pages instead of this
repository. `make docs` runs it.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import microgen
from microgen.boards import load_cpu

HERE = Path(__file__).parent
RESULTS: dict[str, Any] = json.loads((HERE.parent / "benchmarks" / "RESULTS.json").read_text("utf-8"))
# Rows of tables name the models so.
TITLES = {
    "kws_ref_model": "kws",
    "pretrainedResnet_quant": "ResNet-8",
    "ad01_int8": "ad01",
    "micro_speech_quantized": "micro_speech",
    "hello_world_int8": "hello_world",
}
_TOKEN = re.compile(r"(\{\}|\s*\*\s*|\s+)")
_PATTERNS = {"{}": r"([^\s|]+)", "*": r"[^|\n]*?", "": r"\s+"}


class Page:
    """A page whose figures are renewed."""

    def __init__(self, text: str) -> None:
        """Begin with the text as it is."""
        self.text = text

    def put(self, place: str, *figures: str, after: str = "") -> None:
        """Write figures into their place, the only one of its kind, or the first one after a text.

        Raises:
            ValueError: there is no such place, or there are several.
        """
        pattern = "".join(_PATTERNS.get(t.strip(), re.escape(t)) if t else "" for t in _TOKEN.split(place))
        if place.startswith("|"):
            pattern = f"^{pattern}$"
        start = self.text.find(after)
        found = list(re.compile(pattern, re.MULTILINE).finditer(self.text, start)) if start >= 0 else []
        if not found or (len(found) > 1 and not after):
            raise ValueError(f"{len(found)} places like {place!r}")
        text = self.text
        for group, figure in reversed(list(enumerate(figures, 1))):
            begin, end = found[0].span(group)
            text = text[:begin] + figure + text[end:]
        self.text = text


def millions(count: float) -> str:
    """Return a number of instructions in millions."""
    value = count / 1e6
    return f"{value:.{4 if value < 0.1 else 3 if value < 10 else 2}f}"


def counts(model: str, cpu: str = "m4f", optimize: str = "balanced") -> dict[str, int]:
    """Return the row of the topic instructions."""
    rows = RESULTS["instructions"]
    return next(r for r in rows if (r["model"], r["cpu"], r["optimize"]) == (model, cpu, optimize))


def bytes_of(row: dict[str, int], *names: str) -> list[str]:
    """Return sizes as text."""
    return [f"{row[f'{name}_bytes']:,}" for name in names]


def timed(what: str, tool: str) -> tuple[float, str]:
    """Return the median in seconds and the peak in MB of what was timed."""
    row = next(r for r in RESULTS["rows"] if (r["what"], r["tool"]) == (what, tool))
    return statistics.median(row["seconds"]), f"{row['peak_mb']:.0f}"


def shares(network: str, optimize: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the rows of the topic compression: what a table calls the method, and its figures."""
    for row in RESULTS["compression"]:
        if (row["network"], row["optimize"]) == (network, optimize):
            method = row["method"]
            yield method if method in ("int8, dense", "int4") else f"`{method}`", row


def readme(page: Page) -> None:
    """Renew the README."""
    page.put("project for {} boards", str(len(microgen.list_boards())))
    of = {name.strip("`"): row for name, row in shares("digits", "size")}
    flash = {name: f"{row['weights']:.2f}" for name, row in of.items()}
    page.put("`prune:0.8` takes {} of the flash", flash["prune:0.8"])
    blocks = (flash["block-prune:0.6"], f"{of['block-prune:0.6']['instructions']:.2f}")
    page.put("`block-prune:0.6` takes {} of the flash and {} of the instructions", *blocks)
    page.put("`cluster:16` takes {} of the flash", flash["cluster:16"])
    page.put("weights of four bits take {}.\n", flash["int4"])
    for model, title in TITLES.items():
        row = counts(model)
        compiled = [millions(row["instructions"]), *bytes_of(row, "code", "ram")]
        page.put(f"| {title} | * | * | * | {{}} | {{}} | {{}} |", *compiled)
    fewer, less = ratios(page.text)
    page.put("needs {} to {} times fewer instructions", *(f"{x:.1f}" for x in fewer))
    page.put("and {} to {} times less code", *(f"{x:.0f}" for x in less))
    reserved, needed = arena("tinyml-deployer deploy")
    page.put("the arena that the model needs: {} bytes, where tinyml-deployer reserves {};", needed, reserved)
    page.put("its arena for the model is {} bytes, where TFLM needs {};", *arena("bakenn compile_tflite"))
    speed(page)


def arena(tool: str) -> list[str]:
    """Return the arena that a tool gives kws_ref_model and the one that is needed; nothing if it rejects the model."""
    found = next(o["arena"] for o in RESULTS["outcomes"] if (o["model"], o["tool"]) == ("kws_ref_model", tool))
    return re.findall(r"[\d,]*\d", found)[:2]


def ratios(text: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the smallest and the largest advantage of the compiled runtime in instructions and code.

    TFLM was counted by hand; its figures are those of the README's table.
    """
    fewer, less = [], []
    for model, title in TITLES.items():
        found = re.search(rf"^\| {title} \| ([\d.]+) \| ([\d,]+) \|", text, re.MULTILINE)
        assert found, title
        row = counts(model)
        fewer.append(float(found[1]) * 1e6 / row["instructions"])
        less.append(int(found[2].replace(",", "")) / row["code_bytes"])
    return (min(fewer), max(fewer)), (min(less), max(less))


def speed(page: Page) -> None:
    """Renew the README's table of times."""
    runs = max(len(r["seconds"]) for r in RESULTS["rows"] if r["what"] == "kws_ref_model")
    page.put("Medians of {} runs of whole processes on {} cores", str(runs), RESULTS["machine"]["cores"])
    mobilenet, array = "96x96 MobileNet-like Keras model to int8", "C array of 4 MiB"
    plain, inside = "TFLiteConverter.from_keras_model", "microgen, inside a verification"
    for place, what, tool, digits in (
        ("| * | `microgen build`, 100 samples * | {} | {} |", "kws_ref_model", "microgen build", 2),
        ("| | `microgen build --no-verify`, * | {} | {} |", "kws_ref_model", "microgen build --no-verify", 2),
        ("| | `tinyml-deployer deploy`, * | {} | {} |", "kws_ref_model", "tinyml-deployer deploy", 2),
        ("| | `mcufit check`, * | {} | {} |", "kws_ref_model", "mcufit check", 2),
        ("| * | `microgen --help` | {} | {} |", "a command", "microgen --help", 2),
        (f"| {array} | `microgen`, * | {{}} | {{}} |", array, "microgen", 3),
        ("| | `xxd -i` | {} | {} |", array, "xxd -i", 3),
        (f"| {mobilenet} | `microgen`, * | {{}} | {{}} |", mobilenet, "microgen", 2),
        (f"| | a plain `{plain}` script | {{}} | {{}} |", mobilenet, plain, 2),
        ("| * | `microgen`, inside a verification | {} | |", "one inference of ResNet-8", inside, 4),
        ("| | the tflite-micro package in a bare loop | {} | |",
         "one inference of ResNet-8", "tflite-micro, a bare loop", 4),
    ):  # fmt: skip
        seconds, peak = timed(what, tool)
        page.put(place, *[f"{seconds:.{digits}f}", peak][: place.count("{}")])


def compression(page: Page) -> None:
    """Renew the tables of weights in flash."""
    for network, start in (("digits", "The digits recipe, three seeds"), ("ResNet-8", "MLPerf Tiny's ResNet-8")):
        for name, row in shares(network, "size"):
            change = row["change"].split(" +- ") if row["change"] else []
            against = "{} +- {}" if change else ""
            figures = [f"{row['score']:.4f}", *change, *costs(row)]
            page.put(f"| {name} | {{}} | {against} | {{}} | {{}} | {'{}' if change else ''} |", *figures, after=start)
        for name, row in shares(network, "balanced"):
            page.put(f"| {name} | {{}} | {{}} | {'{}' if row['change'] else ''} |", *costs(row), after=start)


def costs(row: dict[str, Any]) -> Sequence[str]:
    """Return weights, instructions and, of a method, RAM."""
    found = [f"{row['weights']:.2f}", f"{row['instructions']:.2f}", f"{row['ram_bytes']:+d}"]
    return found if row["change"] else found[:2]


def runtimes(page: Page) -> None:
    """Renew the tables of instructions."""
    for model, title in TITLES.items():
        row = counts(model)
        sizes = bytes_of(row, "code", "weights", "ram")
        if model == "hello_world_int8":
            small = f"{row['instructions'] / 1e3:.2f}"
            page.put(f"| {title} | * | {{}} k | {{}} | {{}} | {{}} |", small, *sizes)
        else:
            title = "kws (DS-CNN)" if model == "kws_ref_model" else title
            page.put(f"| {title} | * | {{}} M | {{}} | {{}} | {{}} |", millions(row["instructions"]), *sizes)
    for model, optimize, first in (
        ("pretrainedResnet_quant", "size", "ResNet-8"),
        ("pretrainedResnet_quant", "balanced", ""),
        ("pretrainedResnet_quant", "speed", ""),
        ("kws_ref_model", "size", "kws"),
        ("kws_ref_model", "balanced", ""),
    ):
        row = counts(model, optimize=optimize)
        figures = [millions(row["instructions"]), *bytes_of(row, "code", "weights", "ram", "stack")]
        after = f"| {TITLES[model]} | `size` |"
        page.put(f"| {first} | `{optimize}` | {{}} | {{}} | {{}} | {{}} | {{}} |", *figures, after=after)
    plain = {"Cortex-M0+": "m0plus", "Cortex-M3": "m3", "RV32IMC": "rv32"}
    rows = {title: counts("kws_ref_model", cpu) for title, cpu in plain.items()}
    for title, row in rows.items():
        page.put(f"| {title} | {{}} | {{}} | * |", f"{row['instructions'] / 1e6:.1f}", *bytes_of(row, "code"))
    most = [f"{max(row[f'{name}_bytes'] for row in rows.values()):,}" for name in ("ram", "stack")]
    page.put("kws needs {} bytes of RAM and at most {} bytes of stack", *most)


def instructions(page: Page) -> None:
    """Renew the costs of instructions, of which two CPUs of the table have the same."""
    for name, title in (
        ("cortex-m0plus", "Cortex-M0+"),
        ("cortex-m4f", "Cortex-M3, Cortex-M4F"),
        ("cortex-m33", "Cortex-M33"),
        ("cortex-m7", "Cortex-M7"),
        ("rv32imc", "RV32IMC"),
        ("rv32imafc", "RV32IMAFC"),
    ):
        cost = load_cpu(name).cost
        assert cost, name
        page.put(f"| {title} | {{}} | {{}} % |", f"{cost.cycles_per_instruction:g}", str(cost.error_percent))


PAGES: dict[str, Callable[[Page], None]] = {
    "../README.md": readme,
    "compression.md": compression,
    "instructions.md": instructions,
    "runtimes.md": runtimes,
}


def main() -> None:
    """Write the pages into the folder that is the argument, or where they are."""
    for name, renew in PAGES.items():
        path = HERE / name
        page = Page(path.read_text("utf-8"))
        renew(page)
        target = Path(sys.argv[1]) / path.name if len(sys.argv) > 1 else path
        target.write_text(page.text, "utf-8")


if __name__ == "__main__":
    main()
