"""A headless Chromium that is driven over a pipe, by its DevTools protocol: no package is needed for that."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.tools import needs

_TIMEOUT_S = 60.0


class Browser:
    """One page of a browser, and what it said on the console and asked the network for."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing, self._left, self._number = reading, writing, b"", 0
        self.console: list[str] = []
        self.requests: list[str] = []
        self._events: list[str] = []
        self._session = ""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writing, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer.get("result", {}))

    def open(self, page: Path, width: int, *, scheme: str = "light", media: str = "screen") -> None:
        """Show a page, of a window so many CSS pixels wide."""
        self.console.clear(), self.requests.clear(), self._events.clear()
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)
        self.ask("Page.navigate", url=page.as_uri())
        until = time.monotonic() + _TIMEOUT_S
        while "Page.loadEventFired" not in self._events and time.monotonic() < until:
            self.evaluate("1")
        assert "Page.loadEventFired" in self._events, "the page did not load"

    def evaluate(self, script: str) -> Any:
        """Return the value of a JavaScript expression."""
        result = self.ask("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            assert select.select([self._reading], [], [], _TIMEOUT_S)[0], "the browser does not answer"
            self._left += os.read(self._reading, 2**20)
        text, _, self._left = self._left.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        method, parameters = message.get("method", ""), message.get("params", {})
        self._events.append(method)
        if method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"):
            self.console.append(json.dumps(parameters))
        if method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        return message


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """Run a Chromium of its own, whose profile lies in a folder."""
    program = needs("chromium", "chromium")
    from_us, to_browser = os.pipe()
    from_browser, to_us = os.pipe()

    def join() -> None:  # the browser reads commands on 3, and answers on 4
        spare = [os.dup(from_us), os.dup(to_us)]
        for number, end in zip((3, 4), spare, strict=True):
            os.dup2(end, number)

    process = subprocess.Popen(
        [program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe",
         "--no-first-run", "--disable-background-networking", f"--user-data-dir={folder}"],
        pass_fds=(3, 4, from_us, to_us), preexec_fn=join, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(from_us), os.close(to_us)
    try:
        yield Browser(from_browser, to_browser)
    finally:
        process.kill()
        process.wait()
        os.close(to_browser), os.close(from_browser)
