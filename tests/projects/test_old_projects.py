"""Projects of a microgen that recorded neither kind nor layout nor application."""

from __future__ import annotations

import hashlib
import json

import pytest

import microgen
from microgen.errors import InputError
from microgen.support.render import render
from tests.projects.test_project import tree
from tests.support import models
from tests.support.tools import needs_host

# Its libraries called the Arduino API themselves.
MAIN = """#include <Arduino.h>

#include "model_runner.h"
#include "session.h"

serial::Session g_session;

void setup() {
  Serial.begin(115200);
  g_session.Begin(model::Init());
}

void loop() {
  uint8_t received[64];
  size_t n = 0;
  while (n < sizeof(received) && Serial.available() > 0) received[n++] = static_cast<uint8_t>(Serial.read());
  g_session.Feed(received, n);
}
"""


@pytest.fixture
def model(tmp_path):
    (tmp_path / "m.tflite").write_bytes(models.fully_connected())
    return tmp_path / "m.tflite"


@pytest.fixture
def old(model, tmp_path):
    out = microgen.build(model, "pico", out=tmp_path / "p", samples=4, verify=False).project
    (out / "lib/serial").rename(out / "lib/dut")
    for folder in ("application", "platform"):
        for path in (out / "lib" / folder).iterdir():
            path.unlink()
    (out / "src/main.cpp").write_text(MAIN)
    data = model.read_bytes()  # whole, names too
    array = render("model_data.cc.j2", name="m", sha256="0" * 64, file_bytes=len(data), data=data)
    (out / "lib/model/model_data.cc").write_bytes(array)
    manifest = json.loads((out / "microgen.json").read_text())
    for key in ("frontend", "runtime", "project", "layout", "application", "application_options", "array"):
        del manifest[key]
    manifest["files"]["lib/model/model_data.cc"] = hashlib.sha256(array).hexdigest()
    manifest["files"] = {
        name.replace("lib/serial/", "lib/dut/"): sha256
        for name, sha256 in manifest["files"].items()
        if not name.startswith(("lib/application/", "lib/platform/"))
    }
    (out / "microgen.json").write_text(json.dumps({**manifest, "microgen": "0.0.9", "mlperf": None}))
    return out


def test_one_is_still_verified(old):
    needs_host()
    assert microgen.verify(old, samples=4).firmware == "equal"
    assert microgen.selftest(old).passed


def test_one_is_not_built_around_a_program_that_no_longer_fits(old, model):
    before = tree(old)
    again = {"out": old, "samples": 4, "verify": False}
    for use in (
        lambda: microgen.build(model, "pico", **again),
        lambda: microgen.build(model, "pico", check=True, **again),
        lambda: microgen.tune(old, "/dev/ttyNOSUCH0"),
        lambda: microgen.tune(old, "/dev/ttyNOSUCH0", force=True),
    ):
        with pytest.raises(InputError, match=r"written for an earlier microgen, 0\.0\.9") as caught:
            use()
        assert "force=True" in caught.value.hint and tree(old) == before


def test_force_builds_it_anew(old, model):
    microgen.build(model, "pico", out=old, samples=4, verify=False, force=True)
    assert (old / "src/main.cpp").read_text() != MAIN
    assert not (old / "lib/dut/session.cc").exists() and (old / "lib/serial/session.cc").exists()
    assert microgen.projects.open_project(old).manifest["project"] == "platformio"
