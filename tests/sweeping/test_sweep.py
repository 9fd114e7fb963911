"""Sweeps: what is tried, what is kept, what a failure becomes, what is worth it, and the same on a cluster."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import microgen
from microgen.deployment import device_cost
from microgen.errors import InputError, SetupError
from microgen.report.compression import best_row, sweep_lines, sweep_rows
from microgen.support.metrics import ACCURACY, MEAN_ABSOLUTE_ERROR
from microgen.sweeping import candidates, evaluation, run, table
from microgen.sweeping.candidates import read_candidates
from microgen.sweeping.store import Store
from tests.projects.test_project import tree
from tests.support import sweep_tools
from tests.support.sweep_tools import price

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cheap(monkeypatch, tmp_path):
    """Sweeps whose candidates cost nothing; returns what was run so far."""
    monkeypatch.setattr(evaluation, "evaluate", sweep_tools.evaluate)
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    return lambda: [line.split(" ")[0] for line in (tmp_path / "log").read_text().splitlines()]


def test_what_is_tried():
    names = [c.name for c in read_candidates("prune:0.5, prune + prune:0.3,prune:0.50")]
    assert names == ["original", "prune:0.5", "prune:0.8+prune:0.3"]
    default = read_candidates(None)
    assert len(default) > 5 and all(c.steps for c in default[1:])
    for wrong, says in (("prun:0.5", "no method 'prun'"), (" , ", "nothing to try"), ("prune:2", "must be 0.05")):
        with pytest.raises(InputError, match=says):
            read_candidates(wrong)


def test_a_failing_candidate_is_a_row_with_its_reason(cheap, tmp_path):
    tried = "prune:0.9,prune:0.8,prune:0.6,prune:0.5"
    found = sweep_tools.sweep(tmp_path, tried, jobs=2, picture=None)
    rows = {row.name: row for row in found.rows}
    assert rows["prune:0.6"].error[0] == "ValueError: two lines"
    assert rows["prune:0.9"].error[0] == "layer 'kind' cannot be pruned"
    assert rows["prune:0.8"].error[0] == "converter: crashed with SIGSEGV"
    assert rows["prune:0.5"].best_for and rows["prune:0.5"].fit.outcome == "fits"
    stored = json.loads((found.out / "sweep.json").read_text())
    assert stored == found.to_json() and [c["error"] is None for c in stored["candidates"]] == [
        True,
        False,
        False,
        False,
        True,
    ]
    # A refusal is final; what crashed is tried again.
    again = sweep_tools.sweep(tmp_path, tried, picture=None)
    assert again.resumed == 3 and [cheap().count(f"prune:0.{k}") for k in (9, 8, 6)] == [1, 2, 2]


def test_a_candidate_that_the_board_lacks_an_operator_for_keeps_its_price(cheap, tmp_path):
    found = sweep_tools.sweep(tmp_path, "prune:0.55", picture=None)
    row = found.rows[1]
    assert "TFLM has no operator GELU" in row.error[0] and row.price is not None and not row.fits and not row.best_for
    assert (found.out / row.folder / "model.tflite").is_file()
    assert sweep_rows(found)[1][-2:] == ["-", row.error[0]] and ("candidates", "2: 0 resumed, 1 failed") in (
        sweep_lines(found)
    )


@pytest.fixture
def priced(monkeypatch):
    """Candidates whose flash is 40,000 bytes without an amount, and nothing with all of it."""

    def cost(model, board):
        amount = re.search(r"prune\D*([\d\D]+)", model.name)
        share = 1 - float(re.sub(r"\D+", ".", amount[1])) if amount else 1
        return replace(device_cost(model, board), weights_bytes=round(40_000 * share), code_bytes=0)

    monkeypatch.setattr(run, "device_cost", cost)


def test_limits_make_a_sweep_look_for_what_fits(cheap, priced, tmp_path):
    """What scores best of what keeps to the limits is found between the amounts that were given, and found again."""
    found = sweep_tools.sweep(tmp_path, "prune:0.1,prune:0.5", jobs=1, picture=None, fit="board=pico,flash=29000")
    names = [row.name for row in found.rows]
    assert names == ["original", "prune:0.1", "prune:0.5", "prune:0.3", "prune:0.2"]
    assert found.board.name == "pico" and best_row(found).name == "prune:0.3"
    assert [row.breaks for row in found.rows] == ["flash", "flash", "", "", "flash"]
    assert sweep_rows(found)[1][-2] == "no: flash" and ("limits", "flash 29,000 bytes") in sweep_lines(found)
    ran = len(cheap())
    assert found.resumed == 0
    again = sweep_tools.sweep(tmp_path, "prune:0.1,prune:0.5", jobs=1, picture=None, fit="board=pico,flash=29000")
    assert len(cheap()) == ran and [row.name for row in again.rows] == names
    assert {"flash_bytes", "ram_bytes", "instructions"} <= set(found.to_json()["axes"])


def test_the_command_prints_what_is_worth_it(cheap, tmp_path):
    (tmp_path / "m.keras").write_bytes(b"model")
    np.savez(tmp_path / "d.npz", **sweep_tools.DATA)
    command = [sys.executable, "-m", "tests.support.sweep_tools", "sweep", "m.keras", "--data", "d.npz"]
    command += ["--try", "prune:0.9,prune:0.5", "--picture", "none"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done, again = (
        subprocess.run([*command, *more], cwd=tmp_path, env=environment, capture_output=True, text=True)
        for more in ([], ["--json"])
    )
    assert done.returncode == again.returncode == 0, done.stderr
    assert "prune:0.5 " in done.stdout and "layer 'kind' cannot be pruned" in done.stdout
    path = re.search(r"^next +microgen build (\S+/model\.tflite) --board esp32$", done.stdout, re.MULTILINE)[1]
    assert (tmp_path / path).is_file() and "2 resumed" not in done.stdout
    found = json.loads(again.stdout)
    assert found["out"] == "m-sweep" and [c["candidate"] for c in found["candidates"]][1:] == ["prune:0.9", "prune:0.5"]
    assert len(cheap()) == 3, "the second run has all of the first"


def test_a_killed_sweep_goes_on_where_it_was(cheap, tmp_path):
    tried = "prune:0.1,prune:0.2,prune:0.3,prune:0.4"
    whole = tmp_path / "whole"
    whole.mkdir()
    expected = tree(sweep_tools.sweep(whole, tried, picture=None).out)
    (tmp_path / "log").unlink()
    environment = {**os.environ, "SWEEP_SLEEP": "0.5", "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-m", "tests.support.sweep_tools", tmp_path, tried], env=environment)
    folder = tmp_path / "out/candidates"
    until = time.monotonic() + 60
    while len(list(folder.glob("prune*"))) < 2:
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (folder / ".unfinished-1-prune-0.3").mkdir()  # as if it died while it wrote
    started = cheap()
    assert not (tmp_path / "out/sweep.json").exists() and "prune:0.4" not in started
    found = sweep_tools.sweep(tmp_path, tried, picture=None)
    assert found.resumed >= 3 and cheap().count("prune:0.1") == 1 and len(cheap()) <= len(started) + 2
    assert tree(found.out) == expected


def test_a_result_is_used_again_only_for_the_same_question(cheap, tmp_path):
    found = sweep_tools.sweep(tmp_path, "prune:0.2", picture=None)
    ran = len(cheap())
    assert sweep_tools.sweep(tmp_path, "prune:0.2", picture=None, board="pico").resumed == 2 and len(cheap()) == ran
    for change in ({"seed": 1}, {"epochs": 2}, {"batch_size": 8}):
        assert sweep_tools.sweep(tmp_path, "prune:0.2", picture=None, **change).resumed == 0
    damaged = found.out / found.rows[1].folder / "result.json"
    damaged.write_text(damaged.read_text()[:40])
    assert sweep_tools.sweep(tmp_path, "prune:0.2", picture=None).resumed == 1


def test_folders_and_options_that_cannot_be_are_refused(cheap, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("mine")
    for options, says in (
        ({}, "neither empty nor a folder of sweep"),
        ({"jobs": 0}, "jobs=0"),
        ({"picture": "gif"}, "no picture format 'gif'"),
        ({"recipe": "sine"}, "data= and recipe= exclude each other"),
    ):
        with pytest.raises(InputError, match=says):
            sweep_tools.sweep(tmp_path, "prune:0.2", **options)
    with pytest.raises(InputError, match="no data to train on"):
        run.sweep(tmp_path / "m.keras")
    assert tree(tmp_path / "out").keys() == {"thesis.txt"}


@pytest.mark.parametrize(
    ("out", "says"), [("file", "is a file"), ("file/below", "file is a file"), ("/proc/sweep", "cannot be written")]
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_runs(out, says, cheap, tmp_path):
    for name in ("file", "m.keras"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(InputError, match=says) as caught:
        run.sweep(tmp_path / "m.keras", sweep_tools.DATA, out=tmp_path / out, picture=None)
    assert caught.value.option == "out"
    assert tree(tmp_path) == {"file": b"mine", "m.keras": b"mine"}


def test_a_place_that_is_lost_meanwhile_is_told_and_another_key_has_no_result(tmp_path):
    result = evaluation.Result(price(0.9, 2000), "accuracy", b"keras", b"tflite")
    store = Store(tmp_path / "out")
    store.write("a", "0" * 64, result)
    assert store.read("a", "0" * 64) == result and store.read("a", "0" * 63 + "1") is None
    store = Store(tmp_path / "lost")
    (tmp_path / "lost").write_text("mine")
    for keep in (lambda: store.write("a", "0" * 64, result), lambda: store.file("sweep.json", b"")):
        with pytest.raises(InputError, match=r"lost.*: cannot be written \(Not a directory|File exists"):
            keep()
    assert (tmp_path / "lost").read_text() == "mine"


@pytest.mark.parametrize(
    ("missing", "options", "says"),
    [
        ("matplotlib", {}, "the picture needs Matplotlib"),
        ("distributed", {"picture": None, "scheduler": "tcp://127.0.0.1:9"}, "a cluster needs distributed"),
    ],
)
def test_a_package_that_is_missing_is_told_before_anything_runs(missing, options, says, cheap, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(SetupError, match=says) as caught:
        sweep_tools.sweep(tmp_path, "prune:0.2", **options)
    assert "pip install 'microgen[" in caught.value.hint and tree(tmp_path).keys() == {"m.keras"}


def test_a_model_that_cannot_be_measured_leaves_nothing(cheap, monkeypatch, tmp_path):
    monkeypatch.setattr(
        evaluation, "evaluate", lambda work, data: evaluation.failure(InputError("layer 'odd' does not convert", "-"))
    )
    with pytest.raises(InputError, match="layer 'odd' does not convert"):
        sweep_tools.sweep(tmp_path, "prune:0.2", picture=None)
    with pytest.raises(InputError, match="no such file"):
        run.sweep(tmp_path / "none.keras", sweep_tools.DATA, out=tmp_path / "out", picture=None)
    assert tree(tmp_path).keys() == {"m.keras"}


def row(name, score, size, fits=True):
    outcome = type("Fit", (), {"fits": fits, "outcome": "fits" if fits else "too large"})()
    return table.Row(name, price(score, size), arena_bytes=size, fit=outcome)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5), st.booleans()), min_size=1, max_size=12), st.booleans())
def test_the_front_is_what_nothing_beats(points, higher):
    metric = ACCURACY if higher else MEAN_ABSOLUTE_ERROR
    rows = [row(str(k), score, size, fits) for k, (score, size, fits) in enumerate(points)]
    best = table.pareto_front(rows, "tflite_bytes", metric)

    def beats(a, b):
        """As good in both, and better in one."""
        worse = a.price.tflm_score < b.price.tflm_score if higher else a.price.tflm_score > b.price.tflm_score
        equal = (a.price.tflm_score, a.price.tflite_bytes) == (b.price.tflm_score, b.price.tflite_bytes)
        return not worse and a.price.tflite_bytes <= b.price.tflite_bytes and not equal

    fitting = [r for r in rows if r.fits]
    unbeaten = {(r.price.tflm_score, r.price.tflite_bytes) for r in fitting if not any(beats(o, r) for o in fitting)}
    assert {(r.price.tflm_score, r.price.tflite_bytes) for r in best} == unbeaten and len(best) == len(unbeaten)


def test_the_picture_has_all_that_was_measured_and_always_the_same_bytes(cheap, tmp_path):
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed (pip install 'microgen[sweep]')")
    from microgen.sweeping import picture

    found = sweep_tools.sweep(tmp_path, "prune:0.2,prune:0.5,prune:0.9")
    assert found.picture.suffix == ".svg" and found.picture.read_bytes() == picture.draw(found, "svg")
    assert picture.draw(found, "png") == picture.draw(found, "png") and picture.draw(found, "png")[1:4] == b"PNG"
    text = "".join(ET.fromstring(found.picture.read_text()).itertext())
    for expected in ("prune:0.2", "prune:0.5", "original", "tensor arena", "accuracy in int8 on TFLM"):
        assert expected in text
    assert "prune:0.9" not in text  # it was not measured
    elsewhere = replace(found.rows[1], arena_bytes=0)  # it does not run on the board
    assert elsewhere.has("macs") and not elsewhere.has("arena_bytes") and found.rows[1].has("arena_bytes")
    odd = replace(found, name="a$<b&c", rows=(*found.rows, replace(found.rows[1], name="<$x$&>")))
    assert "<$x$&>" in "".join(ET.fromstring(picture.draw(odd, "svg")).itertext())


def test_where_less_is_better_the_picture_is_upside_down_and_less_is_recommended(cheap, tmp_path):
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed (pip install 'microgen[sweep]')")
    from microgen.sweeping import picture

    found = sweep_tools.sweep(tmp_path, "prune:0.2,prune:0.5", picture=None)

    def heights(sweep):
        """How far from the top the candidates' numbers stand in the first panel."""
        drawn = list(ET.fromstring(picture.draw(sweep, "svg")).iter("{http://www.w3.org/2000/svg}text"))
        return [float(next(text.attrib["y"] for text in drawn if text.text == n)) for n in "123"]

    errors = replace(found, metric=MEAN_ABSOLUTE_ERROR)
    assert heights(found) == sorted(heights(found)) and heights(errors) == sorted(heights(errors), reverse=True)
    equal = tuple(replace(row, best_for=("macs",)) for row in found.rows)
    for sweep, best in ((found, "prune-0.2"), (errors, "prune-0.5")):
        row = best_row(replace(sweep, rows=equal))
        assert row is not None and best in row.folder


def _address(found):
    """The address in the file of a scheduler; None where it has not written the file, or not all of it."""
    try:
        return json.loads(found.read_text())["address"]
    except (FileNotFoundError, json.JSONDecodeError):
        return None


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A Dask scheduler, and two workers, each a program of its own; the address, and where workers log."""
    pytest.importorskip("distributed", reason="distributed is not installed (pip install 'microgen[dask]')")
    folder = tmp_path_factory.mktemp("cluster")
    found, log = folder / "scheduler.json", folder / "log"
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SWEEP_LOG": str(log),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
    }
    options = ["--scheduler-file", str(found), "--no-dashboard"]
    programs = [
        ["distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"],
        *[["distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", "--local-directory", str(folder)]] * 2,
    ]
    with contextlib.ExitStack() as running, (folder / "said").open("wb") as said:
        for module, *arguments in programs:
            process = running.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", module, *options, *arguments],
                    env=environment,
                    cwd=folder,
                    stdout=said,
                    stderr=said,
                )
            )
            running.callback(process.kill)
            until = time.monotonic() + 60
            while not (address := _address(found)):
                assert process.poll() is None and time.monotonic() < until, (folder / "said").read_text()
                time.sleep(0.05)
        from distributed import Client

        with Client(address, timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
        yield address, log


def test_a_cluster_gives_the_same_as_this_machine(cluster, cheap, tmp_path):
    address, log = cluster
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    tried = "prune:0.1,prune:0.2,prune:0.3,prune:0.9"
    expected = sweep_tools.sweep(here, tried, picture=None)
    found = sweep_tools.sweep(there, tried, picture=None, scheduler=address)
    assert tree(found.out) == tree(expected.out)
    processes = {line.split()[-1] for line in log.read_text().splitlines()}
    assert str(os.getpid()) not in processes and len(processes) == 2


def test_a_cluster_looks_for_what_fits(cluster, cheap, priced, tmp_path):
    limits = {"picture": None, "fit": "board=pico,flash=29000"}
    found = sweep_tools.sweep(tmp_path, "prune:0.1,prune:0.5", scheduler=cluster[0], **limits)
    assert best_row(found).name == "prune:0.3"
    assert [row.name for row in found.rows] == ["original", "prune:0.1", "prune:0.5", "prune:0.3", "prune:0.2"]
    again = sweep_tools.sweep(tmp_path, "prune:0.1,prune:0.5", jobs=1, **limits)
    assert not (tmp_path / "log").exists() and [row.breaks for row in again.rows] == [row.breaks for row in found.rows]


def test_a_worker_of_the_cluster_that_dies_is_a_row(cluster, cheap, tmp_path):
    found = sweep_tools.sweep(tmp_path, "prune:0.7,prune:0.2", picture=None, scheduler=cluster[0])
    rows = {row.name: row for row in found.rows}
    assert "KilledWorker" in rows["prune:0.7"].error[0] and rows["prune:0.2"].price is not None


def test_without_a_scheduler_there_is_an_error(cheap, tmp_path, monkeypatch):
    pytest.importorskip("distributed", reason="distributed is not installed (pip install 'microgen[dask]')")
    from microgen.sweeping import scheduling

    monkeypatch.setattr(scheduling, "_CONNECT_S", 0.3)
    with pytest.raises(SetupError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:9"):
        sweep_tools.sweep(tmp_path, "prune:0.2", picture=None, scheduler="tcp://127.0.0.1:9")


def test_without_workers_there_is_an_error(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="distributed is not installed (microgen[dask])")
    from microgen.sweeping import scheduling

    monkeypatch.setattr(scheduling, "_CONNECT_S", 0.5)
    alone = {"n_workers": 0, "processes": False, "dashboard_address": ":0", "protocol": "tcp", "host": "127.0.0.1"}
    with distributed.LocalCluster(**alone) as idle:
        with pytest.raises(
            SetupError, match=f"the Dask scheduler at {idle.scheduler_address} has no workers"
        ) as caught:
            scheduling.Dask(idle.scheduler_address)
        assert caught.value.hint == f"dask worker {idle.scheduler_address}"


def test_other_versions_on_a_machine_of_the_cluster_are_refused(monkeypatch):
    work = evaluation.Work((), b"", ".keras", "sine", 1, 8, 0, None, {**evaluation.versions(), "numpy": "0.1"})
    found = evaluation.evaluate(work, None)
    assert re.search(r"numpy .*, not 0.1", found.error[0]) and not found.is_final
    monkeypatch.setattr(candidates, "_PACKAGES", ("numpy", "no-such-package"))
    work = replace(work, versions={**evaluation.versions(), "no-such-package": "1.0"})
    assert "has no-such-package none, not 1.0" in evaluation.evaluate(work, None).error[0]


def test_help_is_cheap():
    for command in ("sweep", "merge"):
        code = f"import sys; sys.argv = ['microgen', '{command}', '--help']\n"
        code += "try:\n import microgen.__main__ as m; m.main()\nexcept SystemExit: pass\n"
        code += "print([m for m in ('numpy', 'tensorflow', 'matplotlib', 'distributed') if m in sys.modules])"
        assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.endswith("[]\n")


@pytest.mark.slow
def test_a_sweep_of_a_recipe_from_training_to_a_verified_project(tmp_path):
    pytest.importorskip("tensorflow_model_optimization", reason="tensorflow-model-optimization is not installed")
    found = microgen.sweep(
        recipe="sine", candidates="channel-prune:0.5,low-rank:0.3", out=tmp_path / "s", epochs=2, jobs=2, picture=None
    )
    original, small, refused = found.rows
    assert small.price.macs <= 0.5 * original.price.macs and "macs" in small.best_for
    assert "'sine' (Dense)" in refused.error[0]
    built = microgen.build(tmp_path / "s" / small.folder / "model.tflite", "esp32", out=tmp_path / "p", samples=10)
    assert built.verdict.passed and built.deployment.arena.bytes >= small.arena_bytes
    again = microgen.sweep(
        recipe="sine", candidates="channel-prune:0.5,low-rank:0.3", out=tmp_path / "s", epochs=2, picture=None
    )
    assert again.resumed == 3 and again.rows == found.rows
    assert np.isfinite([r.price.tflm_score for r in again.rows[:2]]).all()
