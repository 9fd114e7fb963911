from __future__ import annotations

import itertools
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from microgen import workers
from microgen.errors import EngineError, InputError, SetupError
from microgen.workers import LITERT, TFLM, Engine, child, failures, firmware
from microgen.workers import limits as limits_module
from microgen.workers.fork_server import server_of
from microgen.workers.limits import cpu_seconds

X = Engine("x")
FORKED = Engine("x", preload=("json",))
both = pytest.mark.parametrize("engine", [pytest.param(X, id="spawned"), pytest.param(FORKED, id="forked")])


@dataclass(frozen=True)
class Nothing:
    pass


@dataclass(frozen=True)
class Given:
    text: str = ""
    number: float = 0
    arrays: tuple[npt.NDArray[Any], ...] = ()


def echo(given: Given) -> Given:
    print("printed something")
    return Given(given.text + "!", given.number, tuple(a * 2 for a in given.arrays))


def touch(given: Given) -> Nothing:
    Path(given.text).touch()
    return Nothing()


def crash(given: Given) -> Nothing:
    os.write(2, b"about to fall\n")
    os.kill(os.getpid(), getattr(signal, given.text))
    return Nothing()


def leave(given: Given) -> Nothing:
    os._exit(int(given.number))


class Abort(BaseException):
    pass


def abort(given: Given) -> Nothing:
    raise SystemExit(int(given.number)) if given.number else Abort("no more")


def litter(request: Nothing) -> Nothing:
    for number in itertools.count():
        (child._folder / str(number)).touch()


def hang(given: Nothing) -> Nothing:
    time.sleep(60)
    return given


def spin(given: Nothing) -> Nothing:
    while True:
        pass


def late(given: Given) -> Given:
    workers.report_progress(1, 2)
    time.sleep(given.number)
    return given


def steady(given: Given) -> Given:
    """Spin for 0.4 s before each report, and after the last."""
    epochs = int(given.number)
    for k in range(epochs + 1):
        workers.report_progress(k, epochs)
        until = time.process_time() + 0.4
        while time.process_time() < until:
            pass
    return given


def stall(given: Nothing) -> Nothing:
    workers.report_progress(1, 3)
    time.sleep(60)
    return given


def flood(given: Nothing) -> Nothing:
    while True:
        os.write(1, b"again and again\n" * 4096)


def fork_and_hang(given: Nothing) -> Nothing:
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(0)
    print(child, flush=True)
    time.sleep(60)
    return given


def devour(given: Given) -> Given:
    return Given(arrays=(np.ones(int(given.number), np.uint8),))


@dataclass(frozen=True)
class Limits:
    data: tuple[int, int]
    files: tuple[int, int]
    core: tuple[int, int]


def limits(given: Nothing) -> Limits:
    kinds = (resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)
    return Limits(*(resource.getrlimit(kind) for kind in kinds))


def refuse(given: Nothing) -> Nothing:
    error = InputError("the data is bad", "mend it")
    error.tensor = "x:0"
    raise error


def fail(given: Nothing) -> Nothing:
    os.write(2, b"kernel.cc:12 bad padding\n")
    raise RuntimeError("status 1")


def lie(given: Given) -> Given:
    return Given(number="one")


def exhaust(given: Nothing) -> Nothing:
    """Print what C++ prints when it is out of memory."""
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


_loads = 0


def load_and_count(given: Given) -> Given:
    global _loads
    _loads += 1
    return Given("loaded" if "wave" in sys.modules else "", _loads)


def import_missing(given: Nothing) -> Nothing:
    import no_such_module  # noqa: F401

    return given


def environment(given: Given) -> Given:
    return Given(os.environ[given.text])


@both
def test_request_reply_and_output_cross(engine):
    with workers.start(engine, echo, Given("a", 0.1, (np.arange(5, dtype=np.int16),))) as job:
        reply = job.result()
    assert (reply.text, reply.number) == ("a!", 0.1)
    assert reply.arrays[0].dtype == np.int16 and reply.arrays[0].tolist() == [0, 2, 4, 6, 8]
    assert "printed something" in job.log


def test_a_request_of_another_type_is_refused_before_a_worker_starts(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(TypeError, match=r"^Given: Nothing instead of its declared type$"):
        workers.start(X, echo, Nothing())
    assert not list(tmp_path.iterdir())


@both
def test_a_reply_of_another_type_is_an_error(engine):
    with pytest.raises(EngineError, match=r"x: TypeError: Given\.number: str instead of its declared type"):
        workers.run(engine, lie, Given())


def test_a_job_is_a_function_of_a_module():
    def inner(given: Given) -> Given:
        return given

    with pytest.raises(TypeError, match="a job is a function of a module"):
        workers.start(X, inner, Given())


@both
def test_a_job_may_lie_outside_the_package(engine, tmp_path, monkeypatch):
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin/__init__.py").write_text("")
    (tmp_path / "plugin/jobs.py").write_text(
        "from tests.workers.test_job import Given\ndef twice(x: Given) -> Given:\n    return Given(x.text * 2)\n"
    )
    (tmp_path / "numpy.py").write_text("raise RuntimeError('the wrong numpy')")
    monkeypatch.syspath_prepend(tmp_path)
    from plugin.jobs import twice

    assert workers.run(engine, twice, Given("ab")).text == "abab"


def test_what_an_engine_printed_is_added_where_the_job_gives_no_reason_itself():
    bare, own = (failures.Failure(*given) for given in (("", "status 1"), ("EngineError", "TFLM: a reason", "a hint")))
    assert failures.raised(TFLM, bare, "noise\nlast words\n").message == "TFLM: status 1 (last words)"
    assert failures.raised(TFLM, own, "noise\nlast words\n").message == "TFLM: a reason"


@both
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGFPE", "SIGABRT", "SIGKILL"])
def test_a_crash_is_an_error_with_engine_signal_and_last_words(engine, name):
    with pytest.raises(EngineError, match=f"x: crashed with {name} after printing: about to fall"):
        workers.run(engine, crash, Given(name))


@both
@pytest.mark.parametrize("code", [0, 5])
def test_leaving_without_an_answer_is_an_error(engine, code):
    with pytest.raises(EngineError, match=f"ended with exit code {code}"):
        workers.run(engine, leave, Given(number=code))


@both
@pytest.mark.parametrize("job", [hang, spin])
def test_a_hang_ends(engine, job):
    started = time.monotonic()
    with pytest.raises(EngineError, match="no answer after 1 s"):
        workers.run(replace(engine, deadline_s=1.0), job, Nothing())
    assert 1 <= time.monotonic() - started < 20


@both
def test_a_worker_that_waits_for_its_turn_is_not_hung(engine):
    done = []
    with workers.start(engine, late, Given(number=2.0)) as job:  # to start takes up to half a second
        assert job.result(1.5, lambda *progress: done.append(progress)).number == 2.0
    assert done == [(1, 2)]


@pytest.mark.parametrize("starved", [True, False])
def test_waiting_for_a_processor_is_not_a_worker_s_time(monkeypatch, starved):
    """A busy machine is no hang: another process has the processor all the time, or this one sleeps."""
    waits = itertools.count()
    monkeypatch.setattr(limits_module, "cpu_seconds", lambda pid: 0.0)
    monkeypatch.setattr(limits_module, "waiting_seconds", lambda pid: 100.0 * starved * next(waits))
    deadline = limits_module.Deadline(0, 1.0, time.monotonic() - 90)
    deadline.renew()
    deadline._clock -= 90
    assert deadline.has_passed is not starved


def test_the_time_of_waiting_is_read_where_it_is_known():
    assert limits_module.waiting_seconds(os.getpid()) >= 0 and limits_module.waiting_seconds(-1) == 0


@pytest.mark.parametrize("listens", [True, False])
def test_progress_lets_the_deadline_begin_again(listens):
    seen = []
    reply = workers.run(X, steady, Given(number=8), 2.0, (lambda *step: seen.append(step)) if listens else None)
    assert reply.number == 8
    assert not listens or (len(seen) > 2 and seen == sorted(set(seen)) and seen[-1] == (8, 8))


def test_a_training_that_stalls_is_stopped_after_its_last_epoch():
    engine = replace(X, deadline_s=2, hang_hint="use fewer samples")  # a busy machine takes a second to start it
    with pytest.raises(EngineError) as caught:
        workers.run(engine, stall, Nothing())
    assert caught.value.reason == "no progress for 2 s, after 1 of 3 epochs"
    assert caught.value.hint == "use fewer samples"


def test_a_flood_of_output_ends_the_worker():
    started = time.monotonic()
    with pytest.raises(EngineError, match="TFLM: printed more than 64 MiB, last: again and again"):
        workers.run(TFLM, flood, Nothing(), 60)
    assert time.monotonic() - started < 50


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a process's data")
def test_memory_beyond_the_limit_is_an_error_that_says_so():
    with pytest.raises(EngineError, match="LiteRT: requested more than 1 GiB of memory"):
        workers.run(replace(LITERT, memory_bytes=2**30), devour, Given(number=2 * 2**30))


def test_memory_that_cpp_code_did_not_get_is_the_same_error():
    with pytest.raises(EngineError, match="TFLM: requested more than 4 GiB of memory"):
        workers.run(TFLM, exhaust, Nothing())


def test_a_worker_has_the_environment_of_its_engine():
    assert workers.run(replace(X, environment={"MICROGEN_X": "y"}), environment, Given("MICROGEN_X")).text == "y"
    assert workers.run(X, environment, Given("PYTHONHASHSEED")).text == "0"


def leave_a_file(given: Nothing) -> Given:
    with tempfile.NamedTemporaryFile(prefix="left-", delete=False) as file:
        return Given(file.name)


def test_what_a_worker_leaves_among_temporary_files_goes_with_it():
    left = Path(workers.run(X, leave_a_file, Nothing()).text)
    assert left.name.startswith("left-") and not left.exists() and not left.parent.exists()


def _open_files():
    return {p.name for p in Path("/proc/self/fd").iterdir()}


def test_a_worker_that_cannot_be_started_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))
    before = _open_files()
    with pytest.raises(FileNotFoundError):
        workers.start(X, echo, Given())
    assert not list(tmp_path.iterdir()) and _open_files() == before


def test_a_process_that_is_no_more_has_taken_all_the_time_there_is():
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert cpu_seconds(ended.pid) == float("inf") > cpu_seconds(os.getpid()) > 0


@both
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts a process's data")
def test_a_worker_has_hard_limits(engine):
    assert workers.run(engine, limits, Nothing()) == Limits((4 * 2**30,) * 2, (2 * 2**30,) * 2, (0, 0))


def _has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _ends(pid):
    for _ in range(100):
        if _has_ended(pid):
            return True
        time.sleep(0.05)
    return False


@both
def test_what_a_worker_forked_dies_with_it(engine):
    with workers.start(engine, fork_and_hang, Nothing()) as job:
        for _ in range(200):
            text = job._log._kept.decode()
            if text.strip().isdigit():
                break
            time.sleep(0.05)
        child = int(text)
        assert not _has_ended(child)
    assert _ends(child)


@both
def test_what_ends_python_is_an_error_with_the_traceback(engine):
    with pytest.raises(
        EngineError, match=r"x: ended with exit code 1 after printing: .*Abort: no more(?m:$)"
    ) as caught:
        workers.run(engine, abort, Given())
    assert "Traceback" in caught.value.log and ", in abort\n" in caught.value.log
    with pytest.raises(EngineError, match=r"x: ended with exit code 4(?m:$)"):
        workers.run(engine, abort, Given(number=4))


@both
def test_errors_keep_their_kind_their_data_and_the_reason_that_c_printed(engine):
    with pytest.raises(InputError, match="the data is bad") as caught:
        workers.run(engine, refuse, Nothing())
    assert (caught.value.hint, caught.value.tensor) == ("mend it", "x:0")
    with pytest.raises(EngineError, match=r"x: RuntimeError: status 1 \(kernel.cc:12 bad padding\)"):
        workers.run(engine, fail, Nothing())


@pytest.mark.parametrize("engine", ["X", "FORKED"])
def test_a_worker_dies_with_its_parent(engine):
    code = (
        f"from microgen import workers; from tests.workers.test_job import {engine}, Nothing, hang;"
        f"job = workers.start({engine}, hang, Nothing());"
        "print(job._process.pid, flush=True); import os, time; time.sleep(1); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert _ends(int(done.stdout))


@pytest.mark.parametrize("engine", ["X", "FORKED"])
def test_a_job_that_still_writes_when_its_program_ends_is_stopped_and_its_files_go(engine, tmp_path):
    code = (
        f"from microgen import workers; from tests.workers.test_job import {engine}, Nothing, litter\n"
        f"job = workers.start({engine}, litter, Nothing())\n"
        "while not (job._folder / '9').exists(): pass\n"
        "print(job._process.pid)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert _ends(int(done.stdout)) and not list(tmp_path.iterdir())


@both
def test_files_in_the_current_folder_do_not_shadow_packages(engine, tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise RuntimeError('the wrong numpy')")
    monkeypatch.chdir(tmp_path)
    assert workers.run(engine, echo, Given("a")).text == "a!"


def test_forked_jobs_share_what_their_server_loaded_and_nothing_that_they_change():
    engine = Engine("x", preload=("wave",))
    first, second = (workers.run(engine, load_and_count, Given()) for _ in range(2))
    assert first == second == Given("loaded", 1)
    assert workers.run(X, load_and_count, Given()) == Given("", 1)


def test_a_server_that_was_killed_is_replaced():
    engine = Engine("x", preload=("csv",))
    with workers.start(engine, hang, Nothing()) as job:
        os.kill(server_of(engine)._popen.pid, signal.SIGKILL)
        with pytest.raises(EngineError, match="x: crashed with SIGKILL"):
            job.result()
    assert workers.run(engine, echo, Given("a")).text == "a!"


def test_a_job_is_stopped_while_its_server_still_loads(tmp_path):
    go, ran = tmp_path / "go", tmp_path / "ran"
    (tmp_path / "loads_slowly.py").write_text(
        f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists(): time.sleep(0.01)\n"
    )
    engine = Engine("x", preload=("loads_slowly",), environment={"PYTHONPATH": str(tmp_path)})
    with workers.start(engine, touch, Given(str(ran))) as job:
        folder = job._folder
    assert not folder.exists()
    go.touch()
    assert workers.run(engine, echo, Given("a")).text == "a!"
    assert not ran.exists()


def test_a_module_that_does_not_load_is_reported_by_the_job_that_needs_it():
    engine = Engine("x", preload=("no_such_module", "tests.workers.test_job"))
    assert workers.run(engine, echo, Given("a")).text == "a!"
    with pytest.raises(SetupError, match="package no_such_module is not installed"):
        workers.run(engine, import_missing, Nothing())


def test_a_server_ends_with_its_program():
    code = (
        "from microgen import workers; from tests.workers.test_job import FORKED, X;"
        "workers.prepare(X); workers.prepare(FORKED); (server,) = workers.fork_server._servers.values();"
        "print(server._popen.pid)"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert _ends(int(done.stdout))


@pytest.mark.parametrize("module", ["microgen.workers", "microgen.workers.child"])
def test_what_a_worker_runs_imports_nothing_that_it_does_not_need(module):
    code = f"import sys, {module}; print([m for m in ('pydantic', 'jinja2', 'typer', 'rich') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_what_runs_a_firmware_stands_alone():
    assert InputError.exit_code == firmware.BAD_INPUT
    code = (
        f"import sys, runpy; runpy.run_path({firmware.__file__!r}); print([m for m in sys.modules if 'microgen' in m])"
    )
    assert subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True).stdout == "[]\n"
