"""A firmware on the other side of a serial line: its commands, and verify, bench, self-test and tune."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zlib

import numpy as np
import pytest

import microgen
from microgen import projects as project
from microgen.boards import board_file
from microgen.devices import connected
from microgen.errors import EngineError, InputError
from microgen.quantization import Quantized
from microgen.tflite import load
from microgen.workflows.bench import percentile, read_bench, write_bench
from tests.projects.test_project import tree
from tests.support import models
from tests.support.command_line import run
from tests.support.projects import sources, with_application
from tests.support.serial_board import SerialBoard, build
from tests.support.tools import needs_host

pytest.importorskip("serial", reason="pyserial is not installed")


def test_verify_on_a_port_gives_the_verdict_of_the_host_and_names_the_device(wide):
    on_host = microgen.verify(wide, samples=40)
    with SerialBoard(wide) as board:
        verdict = microgen.verify(wide, samples=40, on=board.port)
    assert on_host.passed and on_host.firmware == "equal" and on_host.device.on == "host"
    found = {**verdict.to_json(), "device": None}
    assert found == {**on_host.to_json(), "device": None}
    assert verdict.device.name == "pico" and verdict.device.on == board.port and verdict.device.retries == 0
    opened = project.open_project(wide)
    assert verdict.device.model_sha256 == opened.manifest["model"]["sha256"]
    assert 0 < verdict.device.arena_used_bytes <= verdict.device.arena_bytes == opened.manifest["arena"]["host_bytes"]
    assert verdict.device.inference_us > 0


def test_several_inputs_and_outputs_over_the_wire(made):
    with SerialBoard(made / "multi") as board:
        verdict = microgen.verify(made / "multi", samples=60, on=board.port)
    assert verdict.status == "bit-exact" and verdict.firmware == "equal" and verdict.samples == 60


def test_bench_and_its_file(wide, tmp_path):
    with SerialBoard(wide) as board:
        result = microgen.bench(wide, board.port, runs=130, warmups=3)
    assert result.device == "pico" and result.runs == len(result.times_us) == 130
    assert result.min_us <= result.median_us <= result.p95_us <= result.max_us
    assert result.inferences_per_s == pytest.approx(1e6 / max(result.median_us, 1), rel=1e-3)
    write_bench(result, tmp_path / "a.json")
    assert read_bench(tmp_path / "a.json") == result
    stored = json.loads((tmp_path / "a.json").read_text())
    assert {"median_us", "p95_us", "min_us", "max_us", "inferences_per_s", "arena_used_bytes"} <= set(stored)
    assert microgen.bench(wide, runs=5, warmups=0).kernels == "reference"
    with pytest.raises(InputError, match="cannot be written"):
        write_bench(result, tmp_path / "a.json" / "b.json")


def test_percentiles():
    assert percentile([5], 95) == 5
    assert percentile(list(range(1, 101)), 95) == 95
    assert percentile([3, 1, 2], 50) == 2


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"schema": 9}', '{"schema": 1}'])
def test_what_is_no_bench_file_is_refused(tmp_path, text):
    (tmp_path / "b.json").write_text(text)
    with pytest.raises(InputError, match="not a result of `microgen bench`"):
        read_bench(tmp_path / "b.json")
    with pytest.raises(InputError, match=r"a\.json: cannot be read \(No such file or directory\)"):
        read_bench(tmp_path / "a.json")


def test_tune_takes_what_the_board_uses_and_builds_again(made, tmp_path):
    path = shutil.copytree(made / "wide", tmp_path / "p")
    (path / "src/main.cpp").write_text((path / "src/main.cpp").read_text() + "\n// mine\n")
    before = project.open_project(path).manifest
    with SerialBoard(path) as board:
        result = microgen.tune(path, board.port)
    after = project.open_project(path).manifest
    margin = result.build.deployment.board.snapshot.margin_bytes(result.used_bytes)
    told = {"used_bytes": result.used_bytes, "before_bytes": result.before_bytes, "bytes": result.arena_bytes}
    assert result.to_json()["arena"] == told and result.to_json()["device"] == result.build.deployment.board.name
    assert result.before_bytes == before["arena"]["host_bytes"], "what stands in for the board here is the host program"
    assert result.used_bytes + margin <= result.arena_bytes == after["arena"]["bytes"] < result.used_bytes + margin + 16
    assert f"kArenaBytes = {result.arena_bytes};" in (path / "lib/model/model_config.h").read_text()
    assert (path / "src/main.cpp").read_text().endswith("// mine\n")
    assert result.build.verdict.passed and result.build.verdict.firmware == "equal"
    same = ("model", "labels", "board", "golden", "project", "application", "selftest_at_boot")
    assert {k: before[k] for k in same} == {k: after[k] for k in same}
    assert microgen.verify(path, samples=5).device.arena_bytes == result.build.deployment.arena.host_bytes


def test_tune_keeps_what_the_manifest_records_of_the_model(made, tmp_path):
    warnings = ("the calibration data is random", "some layers stay in float32")
    record = {"kind": "keras", "scheme": "int8", "recipe": "anomaly", "parameters": {"threshold": 0.7}}
    source = Quantized(microgen.load(made / "small.tflite"), record=record, warnings=warnings)
    path = microgen.build(source, "pico", out=tmp_path / "p", samples=8, verify=False).project
    before = project.open_project(path).manifest
    assert before["source"] == {**record, "warnings": list(warnings)}
    with SerialBoard(path) as board:
        result = microgen.tune(path, board.port)
        assert list(warnings) == result.to_json()["build"]["warnings"]
        assert project.open_project(path).manifest["source"] == before["source"]
        rng = np.random.default_rng(0)
        data = 1000 * rng.normal(size=(20, *microgen.load(made / "small.tflite").inputs[0].shape[1:]))
        np.save(tmp_path / "d.npy", data.astype(np.float32))
        microgen.tune(path, board.port, calibration=tmp_path / "d.npy")
    after = project.open_project(path).manifest["source"]
    assert {**after, "warnings": after["warnings"][:2]} == before["source"] and len(after["warnings"]) == 3
    assert "is outside the range of input 'x'" in after["warnings"][2]


def test_tune_scales_images_as_at_the_build(tmp_path):
    needs_host()
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    rng = np.random.default_rng(0)
    (tmp_path / "images").mkdir()
    for k in range(12):
        image.fromarray(rng.integers(0, 256, (6, 8), np.uint8)).save(tmp_path / f"images/{k}.png")
    b = models.ModelBuilder()
    x, y = (b.tensor(name, [1, 6, 8, 1], scale=1 / 127) for name in "xy")
    b.op("RELU", [x], [y])
    options = {"calibration": tmp_path / "images", "value_range": (-1.0, 1.0)}
    path = build(tmp_path, b.build([x], [y]), "seen", **options)
    before = project.open_project(path).manifest
    assert before["source"] == {"kind": "tflite", "value_range": [-1.0, 1.0], "warnings": []}
    with SerialBoard(path) as board:
        microgen.tune(path, board.port, calibration=tmp_path / "images")
    after = project.open_project(path).manifest
    assert all(after[key] == before[key] for key in ("source", "golden", "model"))


def test_a_board_that_needs_less_than_the_host_is_still_verified_on_the_host(tmp_path):
    needs_host()
    out = build(tmp_path, models.fully_connected(), "tiny", arena_bytes=640)
    text = (out / "lib/model/model_config.h").read_text()
    assert "kArenaBytes = 640;" in text and "#if UINTPTR_MAX > 0xffffffff" in text
    assert microgen.verify(out, samples=4).firmware == "equal"
    assert project.open_project(out).manifest["arena"]["bytes"] == 640
    with pytest.raises(InputError, match="not a number of bytes") as caught:
        build(tmp_path, models.fully_connected(), "other", arena_bytes=-5)
    assert caught.value.option == "arena_bytes"


def test_tune_needs_a_board(wide):
    with pytest.raises(InputError, match="only a board can measure"):
        microgen.tune(wide, "host")


def test_tune_refuses_a_board_of_another_kind_and_changes_nothing(made, tmp_path):
    other = microgen.build(made / "wide.tflite", "esp32", out=tmp_path / "p", samples=8, verify=False).project
    before = tree(other)
    with SerialBoard(made / "wide") as board, pytest.raises(InputError, match="is a pico, the project is") as caught:
        microgen.tune(other, board.port)
    assert caught.value.message == f"{board.port} is a pico, the project is for esp32"
    assert caught.value.hint == "connect the project's board" and tree(other) == before


def test_the_self_test_at_boot_and_by_command(tmp_path, made):
    needs_host()
    out = build(tmp_path, models.fully_connected(), "boots", selftest_at_boot=True)
    count = project.open_project(out).manifest["golden"]["count"]
    done = subprocess.run(
        [sys.executable, "-m", "microgen", "simulate", out], input="selftest%", capture_output=True, text=True
    )
    said = f"m-selftest-[pass,{count}]"
    lines = [line for line in done.stdout.splitlines() if line.startswith(("m-", "e-"))]  # main.cpp says more
    assert lines == [said, "m-init-done", "m-ready", said, "m-ready"]
    # A golden vector that is not what the model gives is found, by output, byte and both values.
    data = out / "lib/golden/golden_data.cc"
    head, tail = data.read_text().split("g_golden_outputs", 1)
    first = tail.index("0x")
    wrong = int(tail[first : first + 4], 16) ^ 1
    data.write_text(head + "g_golden_outputs" + tail[:first] + f"0x{wrong:02x}" + tail[first + 4 :])
    result = microgen.selftest(out)
    assert result.fault == f"golden vector 0: output 0 byte 0 is {wrong ^ 1}, not {wrong}"
    assert microgen.selftest(made / "multi").passed


def test_the_commands(made, tmp_path):
    with SerialBoard(made / "wide") as board:
        done = run("verify", made / "wide", "--on", board.port, "--samples", 5, "--json", cwd=tmp_path)
        assert done.returncode == 0 and json.loads(done.stdout)["verdict"]["device"]["on"] == board.port
        done = run("bench", made / "wide", "--on", board.port, "--runs", 20, "--out", "a.json", cwd=tmp_path)
        assert done.returncode == 0 and "median" in done.stdout and (tmp_path / "a.json").is_file()
        done = run("bench", made / "wide", "--on", board.port, "--runs", 20, "--against", "a.json", cwd=tmp_path)
        assert done.returncode == 0 and "relative" in done.stdout
        done = run("bench", made / "wide", "--on", board.port, "--runs", 3, "--json", cwd=tmp_path)
        assert done.returncode == 0 and len(json.loads(done.stdout)["times_us"]) == 3
        tuned = shutil.copytree(made / "wide", tmp_path / "tuned")
        done = run("tune", tuned, "--on", board.port, "--json", cwd=tmp_path)
        arena = json.loads(done.stdout)["arena"]
        assert done.returncode == 0 and 0 < arena["used_bytes"] < arena["bytes"] < arena["before_bytes"]
        done = run("selftest", made / "wide", "--on", board.port, cwd=tmp_path)
        assert done.returncode == 0 and done.stdout.startswith("pass: ")
    for args, code in (
        (("verify", made / "wide", "--on", "/dev/ttyNONE"), 3),
        (("verify", made / "wide", "--on", "replay:none"), 2),
        (("verify", made / "wide", "--record", "no/such/folder/x"), 2),
        (("bench", made / "wide", "--runs", 0), 2),
        (("bench", made / "wide", "--against", "none.json"), 2),
        (("tune", made / "wide", "--on", "host"), 2),
        (("build", made / "wide.tflite", "--mlperf", "ic99"), 2),
        (("build", made / "wide.tflite", "--mlperf", "ad01"), 2),
        (("build", made / "multi.tflite", "--mlperf", "vww01"), 2),
    ):
        done = run(*args, cwd=tmp_path)
        lines = done.stderr.splitlines()
        assert done.returncode == code, done
        assert len(lines) == 2 and lines[0].startswith("error: ") and lines[1].startswith("hint: ")


def test_the_crc_of_the_firmware_is_zlibs(made):
    data = np.random.default_rng(0).integers(0, 256, 300, np.uint8).tobytes()
    with connected(sources(made / "wide"), load(made / "wide/model.tflite")) as client:
        client.load([data])
        assert client.command("crc") == [f"m-crc-[0,300,300,{zlib.crc32(data):08x}]"]


def test_lines_that_the_user_prints_do_not_disturb(made, tmp_path):
    path = shutil.copytree(made / "small", tmp_path / "p")
    main = path / "src/main.cpp"
    text = main.read_text()
    main.write_text(text.replace("  g_session.Feed(", '  Serial.println("sensor 7");\n  g_session.Feed('))
    assert main.read_text() != text
    verdict = microgen.verify(path, samples=10)
    assert verdict.passed and verdict.firmware == "equal"


@pytest.mark.parametrize("name", ["wide", "small", "multi"])
def test_an_application_that_infers_beside_a_session_changes_no_answer(name, made, tmp_path):
    alone = microgen.verify(made / name, samples=100)
    path = with_application(shutil.copytree(made / name, tmp_path / "p"))
    verdict = microgen.verify(path, samples=100)
    assert (verdict.status, verdict.firmware, verdict.samples) == (alone.status, "equal", 100)
    assert alone.status == ("bit-exact" if name == "multi" else "within-bound"), "TFLM and LiteRT round differently"
    with SerialBoard(path) as board:
        verdict = microgen.verify(path, samples=100, on=board.port)
        assert (verdict.status, verdict.firmware, verdict.device.retries) == (alone.status, "equal", 0)
        assert microgen.selftest(path, board.port).passed


def test_an_application_that_changes_the_state_of_a_model_is_named(tmp_path):
    needs_host()
    path = build(tmp_path, models.stateful(), "state", verify=False)
    assert microgen.verify(path, samples=20).firmware == "equal"
    with pytest.raises(EngineError, match="The application has changed the model's state"):
        microgen.verify(with_application(path), samples=20)


def test_between_the_operators_of_an_inference_something_feeds_the_watchdog(tmp_path):
    needs_host()
    out = build(tmp_path, models.two_by_two(), "long", verify=False)
    main = out / "src/main.cpp"
    text = main.read_text()
    assert "platform_micros() - last_us < 1000000" in text and "  platform_delay_ms(1);" in text
    main.write_text(
        text.replace("platform_micros() - last_us < 1000000", "platform_micros() < last_us").replace(
            "platform_delay_ms(1)", 'Serial.println("alive")'
        )
    )
    load = "".join(f"input {i}%db load 6%db {'00' * 6}%" for i in range(2))
    done = subprocess.run(
        [sys.executable, "-m", "microgen", "simulate", out], input=f"{load}infer 3 0%", capture_output=True, text=True
    )
    lines = done.stdout.splitlines()
    assert not [line for line in lines if line.startswith("e-")]
    assert lines.count("alive") == 3 * 3  # inferences, operators


def test_a_board_with_a_known_fault_in_its_kernels_tests_itself_at_every_start(tmp_path):
    model = tmp_path / "m.tflite"
    model.write_bytes(models.fully_connected(width=30, rows=2))

    def boots(board, **options):
        result = microgen.build(model, board, out=tmp_path / board, samples=4, verify=False, force=True, **options)
        config = (result.project / "lib/model/model_config.h").read_text()
        return (
            result.to_json()["warnings"],
            "kSelfTestAtBoot = true" in config,
            (result.project / "README.md").read_text(),
        )

    warnings, on, readme = boots("esp32s3")
    assert "issues/34" in warnings[0] and on and "Therefore the firmware runs its golden vectors" in readme
    warnings, on, readme = boots("esp32s3", selftest_at_boot=False)
    assert "issues/34" in warnings[0] and not on and "Therefore the firmware runs its golden vectors" not in readme
    assert boots("pico")[:2] == ([], False)


def test_a_project_knows_its_board_without_the_file_that_it_came_from(tmp_path):
    needs_host()
    text = board_file("nucleo-f446re").read_text("utf-8").replace('name = "nucleo-f446re"', 'name = "mine"', 1)
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    (tmp_path / "small.tflite").write_bytes(models.fully_connected())
    folder = tmp_path / "p"
    microgen.build(tmp_path / "small.tflite", tmp_path / "mine.toml", out=folder)
    (tmp_path / "mine.toml").unlink()
    assert (folder / "board.toml").read_text("utf-8") == text
    microgen.write_report(tmp_path / "report.html", microgen.inspect(folder), microgen.verify(folder, samples=4))
    assert "mine" in (tmp_path / "report.html").read_text("utf-8")
    with SerialBoard(folder) as board:
        tuned = microgen.tune(folder, board.port)
    assert tuned.device == "mine" and tuned.build.verdict.passed and (folder / "board.toml").read_text() == text
    microgen.build(tmp_path / "small.tflite", "nucleo-f446re", out=folder)
    assert not (folder / "board.toml").exists()
