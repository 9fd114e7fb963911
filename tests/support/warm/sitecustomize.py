"""Lets the fork servers of the commands under test begin with their modules loaded.

A fork server (`microgen.workers.fork_server`) of a command loads LiteRT, TensorFlow or PyTorch before it forks jobs,
which takes longer than most tests. Python imports this file at its start, where the tests put its folder on PYTHONPATH.
A process that is to become such a server then asks a template for it: a process that has loaded the same modules, once
for all tests. The template forks, and the fork becomes the server, with the variables, the folder and the socket of the
process that asked. That one waits for the server's end, and ends in the same way.

`MICROGEN_TESTS_WARM` is the folder of the templates' sockets. A template ends when the folder is gone, or the process
whose number is in its file `owner`. Without the variable, servers start as they do for users.
"""

# Every Python that the tests start reads this first: it imports nothing that it does not need.
# ruff: noqa: PTH104, PTH108, PTH109, PTH110, PTH118, PTH120, PTH123
from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

_FOLDER = "MICROGEN_TESTS_WARM"
_SERVER = "from microgen.workers.server import main"
# What takes long to load; other servers start by themselves.
_SLOW = {"ai_edge_litert.interpreter", "litert_torch", "microgen.frontends.keras.preload"}
# What such modules read when they are loaded.
_READ = ("CUDA", "KERAS", "LD_", "OMP", "OPENBLAS", "PYTHON", "TF_", "TORCH")
_LOOKS_S = 5.0


def _ask(folder: str, code: str, arguments: list[str]) -> None:
    """Let a template fork the server that this process is to become, and end with it.

    A template that ends while it loads is no error here: the server then loads the modules, and shows what happens.
    """
    import json
    import signal
    import socket
    import struct

    number, *modules = arguments
    connection = _connected(folder, code, modules)
    if connection is None:
        return
    with connection:
        request = json.dumps([dict(os.environ), os.getcwd(), arguments]).encode()
        socket.send_fds(connection, [struct.pack("<I", len(request))], [int(number)])
        connection.sendall(request)
        os.close(int(number))
        # As a server, which ends when its parent's end of the socket closes.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        ended = connection.recv(4, socket.MSG_WAITALL)
    status = int.from_bytes(ended, "little", signed=True) if len(ended) == 4 else 1
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)


def _connected(folder: str, code: str, modules: list[str]) -> socket.socket | None:
    """Return a connection to the template of these modules, which is started where none runs; None if it ended."""
    import contextlib
    import fcntl
    import hashlib
    import json
    import socket
    import subprocess
    import time

    read = {k: v for k, v in os.environ.items() if k.startswith(_READ)}
    key = hashlib.sha256(json.dumps([sys.executable, code, modules, sorted(read.items())]).encode()).hexdigest()[:12]
    place = os.path.join(folder, key)
    connection = socket.socket(socket.AF_UNIX)
    with open(f"{place}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(OSError):
            connection.connect(place)
            return connection
        with contextlib.suppress(FileNotFoundError):
            os.unlink(place)
        variables = {k: v for k, v in os.environ.items() if k != _FOLDER}
        template = subprocess.Popen(
            [sys.executable, "-u", __file__, place, code, *modules],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=variables,
            cwd=folder,
            start_new_session=True,
        )
        while not os.path.exists(place):
            if template.poll() is not None:
                return None
            time.sleep(0.02)
        connection.connect(place)
    return connection


def _serve(place: str, code: str, modules: list[str]) -> None:
    """Be a template: load the modules, and fork a server for each that asks."""
    import contextlib
    import gc
    import importlib
    import select
    import signal
    import socket

    exec(code.rpartition(";")[0])  # sys.path as the servers have it
    for name in ("microgen.workers.server", *modules):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"{place}.new")
    listener.listen(64)
    os.rename(f"{place}.new", place)
    owner = os.path.join(os.path.dirname(place), "owner")
    while _is_owned(owner):
        if select.select([listener], [], [], _LOOKS_S)[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _become_server(connection)
            connection.close()


def _is_owned(owner: str) -> bool:
    try:
        with open(owner) as file:
            os.kill(int(file.read()), 0)
    except OSError:
        return False
    return True


def _become_server(connection: socket.socket) -> None:
    """Fork once more: the child is the server, this process reports its end."""
    import json
    import signal
    import socket
    import struct

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    header, descriptors, _, _ = socket.recv_fds(connection, 4, 1)
    (length,) = struct.unpack("<I", header)
    variables, folder, arguments = json.loads(connection.recv(length, socket.MSG_WAITALL))
    pid = os.fork()
    if pid == 0:
        connection.close()
        os.setsid()
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(variables)
        sys.argv = ["-c", str(descriptors[0]), *arguments[1:]]
        from microgen.workers.server import main

        main()
    os.close(descriptors[0])
    _, status = os.waitpid(pid, 0)
    connection.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "little", signed=True))
    os._exit(0)


if __name__ == "__main__":
    _serve(sys.argv[1], sys.argv[2], sys.argv[3:])
elif _FOLDER in os.environ and _SERVER in "".join(sys.orig_argv[3:4]) and _SLOW & set(sys.orig_argv[5:]):
    _ask(os.environ[_FOLDER], sys.orig_argv[3], sys.orig_argv[4:])
