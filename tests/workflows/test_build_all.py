from __future__ import annotations

import json

import pytest

import microgen
from microgen import quantization, tflite, workers
from microgen.boards import board_names, list_boards
from microgen.deployment import check_model, deploy
from microgen.deployment.fit import DoesNotFit, memory_fit
from microgen.errors import InputError, MicrogenError
from microgen.support import resources
from microgen.workers import litert, tflm
from microgen.workflows import build_all as fleet
from tests.projects.test_project import tree
from tests.support import models
from tests.support.command_line import run
from tests.support.tools import needs_host


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.tflite").write_bytes(models.fully_connected())
    (tmp_path / "mine.toml").write_text(
        (resources.path("boards") / "pico.toml")
        .read_text()
        .replace('name = "pico"', 'name = "tiny"')
        .replace("ram_bytes = 262_144", "ram_bytes = 8_192")
    )
    return tmp_path


def microgen_build(folder, *arguments):
    return run("build", "small.tflite", "--no-verify", *arguments, cwd=folder)


def test_a_project_and_a_row_for_each_board(folder):
    done = microgen_build(folder, "--board", "pico", "--board", "./mine.toml", "--out", "out")
    assert done.returncode == 2, "a board that was named has refused the model"
    rows = [line.split() for line in done.stdout.splitlines() if line.split()[:1] in (["pico"], ["tiny"])]
    assert [row[:2] for row in rows] == [["pico", "fits"], ["tiny", "too"]]
    assert "does not fit" in done.stdout and "of 8,192" in done.stdout and "Traceback" not in done.stderr
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["small-pico"]


def test_json_has_every_figure(folder):
    done = microgen_build(folder, "--board", "pico", "--board", "./mine.toml", "--json")
    pico, tiny = json.loads(done.stdout)
    assert pico["error"] is None and pico["result"]["fit"] == pico["fit"]
    assert pico["fit"]["memories"][0]["parts"][0] == {
        "name": "model",
        "bytes": (small := len(tflite.flashed(tflite.parse(data := models.fully_connected())).data)),
        "error_bytes": 0,
        "source": f"the parts of the file that a device reads; {len(data) - small} bytes of names and metadata stay in "
        "model.tflite",
    }
    assert tiny["result"] is None and tiny["fit"]["outcome"] == "too large" and tiny["error"]["hint"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--board", "pico", "--board", "rp2040"], "board 'pico' is named twice"),
        (["--board", "pico", "--board", "nonsense"], "there is no board 'nonsense'"),
        (["--board", "pico", "--all-boards"], "--board and --all-boards exclude each other"),
    ],
)
def test_wrong_boards_stop_before_anything_is_written(folder, arguments, message):
    before = sorted(folder.iterdir())
    done = microgen_build(folder, *arguments)
    assert done.returncode == 2 and message in done.stderr
    assert sorted(folder.iterdir()) == before


def test_all_boards(folder):
    results = microgen.build_all(folder / "small.tflite", out=folder / "all", verify=False, samples=4)
    assert [r.board for r in results] == board_names()
    assert sorted(p.name for p in (folder / "all").iterdir()) == [f"small-{name}" for name in board_names()]
    assert all(r.exit_code == 0 and r.fit.fits for r in results)


def test_the_table_ends_with_where_the_projects_are(folder):
    done = microgen_build(folder, "--board", "pico", "--board", "esp32", "--out", "all", "--no-verify")
    assert "projects  all/small-pico to all/small-esp32" in done.stdout


def test_boards_share_the_engines_and_get_what_each_alone_gets(folder, monkeypatch):
    needs_host()
    asked = []

    def noted(function):
        return lambda engine, target, *more: asked.append(target) or function(engine, target, *more)

    for name in ("start", "run"):
        monkeypatch.setattr(workers, name, noted(getattr(workers, name)))
    boards = ["pico", "esp32", "nano33ble"]
    results = microgen.build_all(folder / "small.tflite", boards, out=folder / "all", samples=8)
    assert asked == [litert.run, tflm.measure_arena, tflm.run]
    assert {r.result.verdict.firmware for r in results} == {"equal"}
    assert [r.result.verdict.device.name for r in results] == boards, "each board's own firmware has run"
    for board in boards:
        microgen.build(folder / "small.tflite", board, out=folder / "alone" / board, samples=8)
        assert tree(folder / "alone" / board) == tree(folder / "all" / f"small-{board}")


def test_a_refusal_of_one_board_does_not_spoil_what_the_others_share(folder, monkeypatch):
    monkeypatch.setattr(
        quantization, "quantize", _refuse_first(quantization.quantize, InputError("not on this board", "another"))
    )
    results = microgen.build_all(folder / "small.tflite", ["pico", "esp32"], out=folder, samples=4, verify=False)
    assert [r.exit_code for r in results] == [2, 0]


def _refuse_first(function, error):
    calls = []

    def called(*args, **options):
        calls.append(1)
        if len(calls) == 1:
            raise error
        return function(*args, **options)

    return called


def test_the_exit_code_of_several_boards():
    def result(exit_code):
        error = InputError("no", "yes") if exit_code == 2 else None
        return _Result(error, exit_code)

    def code(*codes, all_boards):
        return fleet.exit_code([result(c) for c in codes], all_boards=all_boards)

    assert code(0, 2, all_boards=True) == 0 and code(0, 2, all_boards=False) == 2
    assert code(2, 2, all_boards=True) == 2
    assert code(0, 1, 2, all_boards=True) == code(0, 1, 2, all_boards=False) == 1


class _Result:
    def __init__(self, error, exit_code):
        self.error, self.exit_code = error, exit_code


def test_every_real_model_on_every_board_is_built_or_refused_with_a_reason(shared_models):
    """Up to the rendered files, with an arena of the size that the models were measured to need on the host."""
    from tests.support.projects import project_files

    arenas = {"kws_ref_model": 24_272, "ad01_int8": 4_640, "hello_world_int8": 1_936}
    outcomes = {}
    for path in sorted(shared_models.glob("*.tflite")):
        for board in list_boards():
            try:
                model = tflite.load(path)
                check_model(model, board)
                deployment = deploy(path.stem, model, board, arenas.get(path.stem, 65_536))
                fit = memory_fit(deployment)
                if not fit.fits:
                    raise DoesNotFit(deployment, fit)
                files = project_files(deployment)
                assert f"[env:{board.name}]".encode() in files["platformio.ini"]
                outcomes[path.stem, board.name] = "built"
            except MicrogenError as error:
                assert error.exit_code == 2 and error.hint
                outcomes[path.stem, board.name] = error.message
    for name in ("kws_ref_model", "ad01_int8", "hello_world_int8", "pretrainedResnet_quant"):
        assert {outcomes[name, b] for b in board_names()} == {"built"}
    assert all("hybrid" in outcomes["kws_ref_model_float32", b] for b in board_names())
    assert all("float32" in outcomes["hello_world_float", b] for b in board_names())
