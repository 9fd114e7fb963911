from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from microgen.errors import EngineError, InputError
from microgen.workers import process as worker

HERE = "tests.workers.test_process"


def echo(values, arrays):
    print("said something")
    return {"got": values}, {k: v * 2 for k, v in arrays.items()}


def crash(values, arrays):
    os.write(2, b"about to fall\n")
    os.kill(os.getpid(), getattr(signal, values["signal"]))
    return {}, {}


def leave(values, arrays):
    os._exit(values["code"])


def hang(values, arrays):
    time.sleep(60)
    return {}, {}


def spin(values, arrays):
    while True:
        pass


def late(values, arrays):
    worker.report_progress(1, 2)
    time.sleep(values["seconds"])
    return {"late": True}, {}


def steady(values, arrays):
    """Spins for 0.4 s before each report, and after the last."""
    for k in range(values["epochs"] + 1):
        worker.report_progress(k, values["epochs"])
        end = time.process_time() + 0.4
        while time.process_time() < end:
            pass
    return {"done": True}, {}


def stall(values, arrays):
    worker.report_progress(1, 3)
    time.sleep(60)
    return {}, {}


def flood(values, arrays):
    while True:
        os.write(1, b"again and again\n" * 4096)


def fork_and_hang(values, arrays):
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    print(child, flush=True)
    time.sleep(60)
    return {}, {}


def devour(values, arrays):
    return {}, {"a": np.ones(values["bytes"], np.uint8)}


def limits(values, arrays):
    names = ("RLIMIT_DATA", "RLIMIT_FSIZE", "RLIMIT_CORE")
    return {name: resource.getrlimit(getattr(resource, name)) for name in names}, {}


def refuse(values, arrays):
    raise InputError("the data is bad", "mend it")


def fail(values, arrays):
    os.write(2, b"kernel.cc:12 bad padding\n")
    raise RuntimeError("status 1")


def exhaust(values, arrays):
    """What C++ says when it is out of memory."""
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def test_values_arrays_and_output_cross():
    reply = worker.call("x", f"{HERE}:echo", {"a": [1, "b"]}, {"in0": np.arange(5, dtype=np.int16)})
    assert reply.values == {"got": {"a": [1, "b"]}}
    assert reply.arrays["in0"].dtype == np.int16 and reply.arrays["in0"].tolist() == [0, 2, 4, 6, 8]
    assert "said something" in reply.log


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGFPE", "SIGABRT", "SIGKILL"])
def test_a_crash_is_an_error_with_engine_signal_and_last_words(name):
    with pytest.raises(EngineError, match=f"TFLM: crashed with {name} after printing: about to fall"):
        worker.call("TFLM", f"{HERE}:crash", {"signal": name})


def test_leaving_without_an_answer_is_an_error():
    with pytest.raises(EngineError, match="ended with exit code 5"):
        worker.call("x", f"{HERE}:leave", {"code": 5})
    with pytest.raises(EngineError, match="ended with exit code 0"):
        worker.call("x", f"{HERE}:leave", {"code": 0})


@pytest.mark.parametrize("job", ["hang", "spin"])
def test_a_hang_ends(job):
    started = time.monotonic()
    with pytest.raises(EngineError, match="no answer after 1 s"):
        worker.call("x", f"{HERE}:{job}", {}, deadline_s=1)
    assert 1 <= time.monotonic() - started < 20


def test_a_worker_that_waits_for_its_turn_is_not_hung():
    done = []
    with worker.start("x", f"{HERE}:late", {"seconds": 1.0}) as job:
        assert job.result(0.5, lambda *progress: done.append(progress)).values == {"late": True}
    assert done == [(1, 2)]


@pytest.mark.parametrize("listens", [True, False])
def test_progress_lets_the_deadline_begin_again(listens):
    seen = []
    with worker.start("x", f"{HERE}:steady", {"epochs": 8}) as job:
        reply = job.result(2.0, (lambda *progress: seen.append(progress)) if listens else None)
    assert reply.values == {"done": True}
    assert not listens or (len(seen) > 2 and seen == sorted(set(seen)) and seen[-1] == (8, 8))


def test_a_training_that_stalls_is_stopped_after_its_last_epoch():
    with worker.start("x", f"{HERE}:stall", {}) as job, pytest.raises(EngineError) as caught:
        job.result(0.5, hint="give fewer samples")
    assert (
        caught.value.reason == "no progress for 0 s, after 1 of 3 epochs" and caught.value.hint == "give fewer samples"
    )


def test_a_flood_of_output_ends_the_worker():
    started = time.monotonic()
    with pytest.raises(EngineError, match="TFLM: printed more than 64 MiB, last: again and again"):
        worker.call("TFLM", f"{HERE}:flood", {}, deadline_s=60)
    assert time.monotonic() - started < 50


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a process's data")
def test_memory_beyond_the_limit_is_an_error_that_says_so():
    with (
        worker.start("LiteRT", f"{HERE}:devour", {"bytes": 2 * 2**30}, memory_bytes=2**30) as job,
        pytest.raises(EngineError, match="LiteRT: asked for more than 1 GiB of memory"),
    ):
        job.result(60)


def test_memory_that_cpp_code_did_not_get_is_the_same_error():
    with pytest.raises(EngineError, match="TFLM: asked for more than 4 GiB of memory"):
        worker.call("TFLM", f"{HERE}:exhaust", {})


def _open_files():
    return {p.name for p in Path("/proc/self/fd").iterdir()}


def test_a_worker_that_cannot_be_started_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))
    before = _open_files()
    with pytest.raises(FileNotFoundError):
        worker.start("x", f"{HERE}:echo", {})
    assert not list(tmp_path.iterdir()) and _open_files() == before


def test_a_process_that_is_no_more_has_taken_all_the_time_there_is():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert worker._cpu_seconds(ended.pid) == float("inf") > worker._cpu_seconds(os.getpid()) > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a process's data")
def test_a_worker_has_hard_limits():
    found = worker.call("x", f"{HERE}:limits", {}).values
    assert found == {"RLIMIT_DATA": [4 * 2**30] * 2, "RLIMIT_FSIZE": [2 * 2**30] * 2, "RLIMIT_CORE": [0, 0]}


def test_what_a_worker_forked_dies_with_it():
    with worker.start("x", f"{HERE}:fork_and_hang", {}) as job:
        for _ in range(200):
            text = job._log._kept.decode()
            if text.strip().isdigit():
                break
            time.sleep(0.05)
        child = int(text)
    for _ in range(100):
        try:
            with open(f"/proc/{child}/stat") as stat:  # noqa: PTH123
                if stat.read().split()[2] == "Z":
                    return
        except FileNotFoundError:
            return
        time.sleep(0.05)
    pytest.fail("what the worker forked outlived it")


def test_errors_keep_their_kind_and_the_reason_that_c_printed():
    with pytest.raises(InputError, match="the data is bad"):
        worker.call("x", f"{HERE}:refuse", {})
    with pytest.raises(EngineError, match=r"x: RuntimeError: status 1 \(kernel.cc:12 bad padding\)"):
        worker.call("x", f"{HERE}:fail", {})


def test_a_worker_dies_with_its_parent():
    code = (
        f"from microgen.workers import process as worker; j = worker.start('x', '{HERE}:hang', {{}});"
        "print(j._process.pid, flush=True); import os, time; time.sleep(1); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    child = int(done.stdout)
    for _ in range(100):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        with open(f"/proc/{child}/stat") as stat:  # noqa: PTH123
            if stat.read().split()[2] == "Z":
                return
        time.sleep(0.05)
    pytest.fail("the worker outlived its parent")


def test_files_in_the_current_folder_do_not_shadow_packages(tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise RuntimeError('the wrong numpy')")
    monkeypatch.chdir(tmp_path)
    assert worker.call("x", f"{HERE}:echo", {}).values == {"got": {}}


@pytest.mark.parametrize("module", ["microgen.workers.jobs", "microgen.workers.firmware", "microgen.workers.process"])
def test_what_a_worker_runs_imports_nothing_that_it_does_not_need(module):
    code = f"import sys, {module}; print([m for m in ('pydantic', 'jinja2', 'typer', 'rich') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
