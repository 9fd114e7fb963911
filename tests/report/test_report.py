"""The HTML page: escaped, small, equal to the JSON, and without an error in a browser."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

import microgen
from microgen.boards import list_boards
from microgen.errors import InputError
from microgen.quantization import Quantized
from microgen.quantization.quality import LayerQuality, Quality
from microgen.report.html import write_report
from microgen.report.models import quality_lines
from microgen.report.simulation import simulation_lines
from microgen.report.text import microseconds
from microgen.support import resources
from microgen.tflite import load, parse
from microgen.workflows.inspect import inspect
from tests.support import models
from tests.workflows.test_build import INT8

ATTACK = "<script>alert(1)</script>"


class Page(HTMLParser):
    """The tags, the text and the table of layers of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.rows, self._open = [], [], [], False
        self.feed(text)
        self.rows = [[cell.strip() for cell in row] for row in self.rows]

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._open = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self._open = False

    def handle_data(self, data):
        self.text.append(data)
        if self._open:
            self.rows[-1][-1] += data


def layer(name, sqnr_db, saturated=0.0):
    return LayerQuality(0, "CONV_2D", f"{name}/tensor", name, sqnr_db, saturated)


@pytest.mark.parametrize(
    ("quality", "lines"),
    [
        (
            Quality(40, (layer("first", 30.5), layer("last", 21.25, 0.123)), (0.5, 0.25)),
            [
                ("SQNR", "21.25 dB at the output, on 40 samples"),
                ("SQNR, lowest", "CONV_2D 'last' 21.25 dB, CONV_2D 'first' 30.5 dB"),
                ("saturation", "12.3% of the values of CONV_2D 'last'"),
                ("accuracy", "0.5000 in float, 0.2500 quantized, on the calibration data"),
            ],
        ),
        (
            Quality(40, (layer("only", 30, 0.0009),)),
            [("SQNR", "30 dB at the output, on 40 samples"), ("SQNR, lowest", "CONV_2D 'only' 30 dB")],
        ),
        (Quality(40, ()), []),
    ],
)
def test_what_quantization_cost_in_words(quality, lines):
    found = Quantized(parse(models.fully_connected()), (np.array([[0.25, -1.0], [2.0, 1.0]]),), quality=quality)
    assert quality_lines(found) == [("calibration", "2 samples, -1 to 2"), *lines]


def test_the_range_of_each_inputs_calibration_data_is_told():
    model = parse(models.two_by_two())
    found = Quantized(model, (np.array([[0, 255]]), np.array([[1 / 3]])), quality=Quality(1, ()))
    first, second = (tensor.name for tensor in model.inputs)
    assert quality_lines(found) == [("calibration", f"1 samples, {first} 0 to 255, {second} 0.3333 to 0.3333")]
    assert quality_lines(Quantized(model)) == []


@pytest.mark.parametrize(
    ("time_us", "says"), [(830, "830 us"), (999.4, "999 us"), (12400, "12.4 ms"), (1.25e6, "1.25 s"), (75e6, "75 s")]
)
def test_times_for_people(time_us, says):
    assert microseconds(time_us) == says


def test_an_incomplete_installation_is_told():
    with pytest.raises(
        FileNotFoundError, match="microgen's own folder 'attic' is missing: the installation is incomplete"
    ):
        resources.path("attic")


def page_of(path):
    return Page(path.read_text("utf-8"))


@pytest.mark.parametrize("name", INT8)
def test_the_page_of_a_real_model_says_what_the_json_says(name, shared_models, tmp_path):
    inspection = inspect(shared_models / f"{name}.tflite", "pico")
    found = inspection.to_json()
    verdict = microgen.verify(shared_models / f"{name}.tflite", samples=8, layers=True)
    write_report(tmp_path / "r.html", inspection)
    write_report(tmp_path / "v.html", inspect(shared_models / f"{name}.tflite"), verdict)
    page = page_of(tmp_path / "r.html")
    assert all((tmp_path / f).stat().st_size < 1_500_000 for f in ("r.html", "v.html"))
    text = "".join(page.text)
    assert found["sha256"] in text
    assert f"The model needs {found['memory']['arena_min_bytes']:,} bytes" in text
    assert f"operator {found['memory']['peak']['operator']} ({found['memory']['peak']['op']})" in text
    for memory in found["fit"]["memories"]:
        assert f"{memory['bytes']:,} of {memory['limit_bytes']:,} bytes" in text
    rows = [r for r in page.rows if len(r) == 6 and r[0].isdigit()]
    assert [(r[1][: len(x["op"])], r[3], r[4], r[5]) for r, x in zip(rows, found["layers"], strict=True)] == [
        (x["op"], f"{x['macs']:,}", f"{x['weight_bytes']:,}", f"{x['arena_bytes']:,}") for x in found["layers"]
    ]
    verified = page_of(tmp_path / "v.html")
    proof = [r for r in verified.rows if len(r) == 9 and r[0].isdigit()]
    assert [r[5] for r in proof] == [f"{x.max_abs_diff_lsb:g} of {x.bound_lsb}" for x in verdict.layers]
    assert verdict.summary() in "".join(verified.text).replace("\n", "")


def test_a_page_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    with pytest.raises(InputError, match="cannot be written") as caught:
        write_report(tmp_path / "m.tflite/r.html", inspect(tmp_path / "m.tflite", "esp32"))
    assert caught.value.path == str(tmp_path / "m.tflite/r.html")


def test_the_page_loads_nothing_and_runs_nothing(shared_models, tmp_path):
    write_report(tmp_path / "r.html", inspect(shared_models / "kws_ref_model.tflite", "esp32"))
    page = page_of(tmp_path / "r.html")
    assert not [t for t, _ in page.tags if t in ("script", "iframe", "img", "object", "embed")]
    assert [a["href"] for t, a in page.tags if t == "link"] == ["data:,"]
    assert not [a for _, a in page.tags if any(k.startswith("on") or k == "src" for k in a)]
    text = (tmp_path / "r.html").read_text()
    assert "@import" not in text and "url(" not in text
    assert "prefers-color-scheme: dark" in text and "@media print" in text


def test_names_and_labels_cannot_become_markup(tmp_path):
    b = models.ModelBuilder()
    x, y = (b.tensor(f"{ATTACK}{n}", [1, 4]) for n in "xy")
    b.op("RELU", [x], [y])
    path = tmp_path / "a.tflite"
    path.write_bytes(b.build([x], [y]))
    labels = tmp_path / "labels.txt"
    labels.write_text(f'{ATTACK}\n"><img src=x onerror=alert(1)>\nb\nc\n')
    project = microgen.build(path, "esp32", out=tmp_path / "p", labels=labels, samples=4).project
    write_report(tmp_path / "v.html", inspect(project), microgen.verify(project, samples=4))
    write_report(tmp_path / "r.html", inspect(path, "esp32"))
    for name in ("v.html", "r.html"):
        text = (tmp_path / name).read_text()
        assert "<script" not in text and "<img" not in text
        assert "&lt;script&gt;" in text


def test_a_model_file_named_like_markup_is_escaped(tmp_path):
    path = tmp_path / f"{ATTACK.replace('/', '')}.tflite"
    path.write_bytes(models.two_by_two())
    write_report(tmp_path / "r.html", inspect(path))
    assert "<script" not in (tmp_path / "r.html").read_text()


def test_the_arena_picture_has_a_box_for_each_buffer(shared_models, tmp_path):
    found = inspect(shared_models / "pretrainedResnet_quant.tflite", "pico")
    write_report(tmp_path / "r.html", found)
    boxes = [a for t, a in page_of(tmp_path / "r.html").tags if t == "rect" and a.get("class") in ("tensor", "scratch")]
    assert len(boxes) == len(found.memory["buffers"])
    assert all(float(b["y"]) >= -0.01 for b in boxes)


def test_the_same_model_gives_the_same_page(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(models.two_by_two())
    for name in ("a.html", "b.html"):
        write_report(tmp_path / name, inspect(path, "esp32"))
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_what_to_change_is_said_where_a_model_does_not_fit(tmp_path):
    b = models.ModelBuilder()
    x, y = b.tensor("x", [1, 700, 700, 1]), b.tensor("y", [1, 700, 700, 1])
    b.op("RELU", [x], [y])
    path = tmp_path / "large.tflite"
    path.write_bytes(b.build([x], [y]))
    found = inspect(path, "pico")
    assert found.fit.outcome == "too large"
    assert any("makes the peak" in line and "'x' (490,000 bytes)" in line for line in found.advice)
    assert load(path).main.tensors[0].bytes < found.memory["arena_min_bytes"]


def test_boards_that_a_model_fits_are_named_without_those_that_refuse_it(tmp_path):
    path = tmp_path / "wide.tflite"
    path.write_bytes(models.fully_connected(units=2200, width=1000, per_channel=True))
    found = inspect(path, "pico")
    assert found.fit.reasons[0].startswith("flash: 2,") and len(found.fit.reasons) == 1
    flash, boards = found.advice
    assert flash.startswith(f"flash: the model takes {path.stat().st_size:,} bytes") and "RAM" not in flash
    large = [b for b in list_boards() if b.mcu.flash_bytes > 3_000_000]
    runs = [b.title for b in large if b.snapshot.per_channel_fully_connected == "supported"]
    assert boards == f"boards that it fits: {', '.join(runs)}" and 0 < len(runs) < len(large)


@pytest.mark.parametrize("name", INT8)
def test_a_browser_opens_the_page_without_an_error(name, shared_models, tmp_path):
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium here (Debian: chromium)")
    model = shared_models / f"{name}.tflite"
    write_report(tmp_path / "r.html", inspect(model), microgen.verify(model, samples=4, layers=True))
    done = subprocess.run(
        [
            chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={tmp_path}/profile", "--enable-logging=stderr", "--v=0", "--dump-dom",
            (tmp_path / "r.html").as_uri(),
        ],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert 'id="layers"' in done.stdout, done.stderr[-500:]
    assert not re.findall(r".*CONSOLE.*", done.stderr)


@pytest.mark.parametrize(
    ("means", "ignored", "shown"),
    [
        ([[0.2, 0.9], [0.3, 0.8]], ("other",), "nothing; the highest mean score was 0.30, of word"),
        ([[0.2, 0.9], [0.3, 0.8]], ("",), "nothing; the highest mean score was 0.90, of other"),
        ([[0.2, 0.9]], ("word", "other"), "nothing"),
        (np.empty((0, 2)), (), "nothing"),
    ],
)
def test_where_nothing_is_detected_the_score_is_of_what_could_have_been(means, ignored, shown):
    trace = SimpleNamespace(means=np.array(means), detected=(), lost=0)
    recording = SimpleNamespace(summary="1 s", notes=())
    result = SimpleNamespace(
        path="a.wav", recording=recording, trace=trace, printed=(), labels=("word", "other"), ignored=ignored, load=None
    )
    assert dict(simulation_lines(result))["detected"] == shown
