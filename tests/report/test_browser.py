"""The report in a browser, wide, narrow, light, dark and on paper: nothing overflows, speaks or asks for anything."""

from __future__ import annotations

import numpy as np
import pytest

import microgen
from tests.support import models
from tests.support.browser import browser

_A4 = 718  # CSS pixels between the margins
# Elements that stick out of the window; what lies in a box that scrolls may.
_STICKING_OUT = """
(() => {
  const wide = document.documentElement.clientWidth, out = [];
  if (document.documentElement.scrollWidth > wide) out.push('page ' + document.documentElement.scrollWidth);
  for (const e of document.querySelectorAll('body *')) {
    if (matchMedia('screen').matches && e.closest('.scroll')) continue;
    const box = e.getBoundingClientRect();
    if (box.width && box.right > wide + 1) out.push(e.tagName + ' ' + e.className + ' ' + Math.round(box.right));
  }
  return out;
})()
"""
# The lowest contrast of text with what is behind it (WCAG 2.1), over the cells of the matrices.
_CONTRAST = """
(() => {
  const numbers = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((s, v, k) => s + v * [.2126, .7152, .0722][k], 0);
  const paper = numbers(getComputedStyle(document.body).backgroundColor);
  return Math.min(...[...document.querySelectorAll('.matrix td')].map(e => {
    const [r, g, b, a = 1] = numbers(getComputedStyle(e).backgroundColor);
    const behind = light([r, g, b].map((v, k) => a * v + (1 - a) * paper[k]));
    const ink = light(numbers(getComputedStyle(e).color));
    return (Math.max(ink, behind) + .05) / (Math.min(ink, behind) + .05);
  }));
})()
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A report with all that one may have: long names, a layer proof, matrices of both models."""
    folder = tmp_path_factory.mktemp("page")
    data = models.fully_connected(units=12)
    name = "a_model_whose_name_is_longer_than_a_phone_is_wide_and_then_some.tflite"
    (folder / name).write_bytes(models.with_first(data, "model/depthwise_separable_block_17/batch_norm/FusedBatchNorm"))
    (folder / "f.tflite").write_bytes(models.in_float32(data))
    rng = np.random.default_rng(0)
    np.savez(folder / "d.npz", x=rng.normal(0, 2, (60, 8)).astype(np.float32), labels=rng.integers(0, 12, 60))
    labels = [f"gesture_number_{k}" for k in range(12)]
    out = microgen.build(folder / name, "nano33ble", out=folder / "p", name="m", labels=labels, samples=4).project
    verdict = microgen.verify(out, layers=True, samples=4, data=folder / "d.npz", float_model=folder / "f.tflite")
    microgen.write_report(folder / "r.html", microgen.inspect(out), verdict)
    return folder / "r.html"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.mark.parametrize(
    ("width", "scheme", "media"),
    [
        (1280, "light", "screen"),
        (1280, "dark", "screen"),
        (390, "light", "screen"),
        (390, "dark", "screen"),
        (_A4, "light", "print"),
        (_A4, "dark", "print"),
    ],
)
def test_nothing_overflows_speaks_or_asks_and_the_digits_can_be_read(width, scheme, media, page, chromium):
    chromium.open(page, width, scheme=scheme, media=media)
    assert chromium.evaluate(_STICKING_OUT) == []
    assert chromium.evaluate("document.querySelectorAll('.matrix').length") == 2
    assert chromium.evaluate(_CONTRAST) >= 4.5
    assert chromium.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(20, 23, 26)" if scheme == "dark" and media == "screen" else "rgb(255, 255, 255)"
    )
    assert chromium.console == []
    assert [url for url in chromium.requests if not url.startswith("data:")] == [page.as_uri()]


def test_the_head_says_what_matters_and_the_bars_have_a_legend(page, chromium):
    chromium.open(page, 1280)
    top = chromium.evaluate("document.querySelector('.facts').innerText")
    for words in ("accuracy", "% in float", "flash", "RAM", "fits", "SHA-256"):
        assert words in top
    assert chromium.evaluate("document.querySelector('.facts').getBoundingClientRect().bottom") < 900
    colours = "[...document.querySelectorAll('%s')].map(e => getComputedStyle(e).backgroundColor)"
    assert chromium.evaluate(colours % ".bar i") == chromium.evaluate(colours % ".key")
    assert "saturated" in chromium.evaluate("document.querySelector('.legend').innerText")


def test_names_stay_whole_on_a_phone(page, chromium):
    chromium.open(page, 390)
    lines = (
        "[...document.querySelectorAll('td.name, .whole')].filter(e => !e.closest('.parts'))"
        ".flatMap(e => [...e.childNodes].filter(n => n.data?.trim())"
        ".map(n => {const r = document.createRange(); r.selectNode(n); return r.getClientRects().length}))"
    )
    assert set(chromium.evaluate(lines)) == {1}, "one line each"


def test_the_browser_would_notice(tmp_path, chromium):
    bad = tmp_path / "bad.html"
    bad.write_text("<p style='width:900px'>x</p><img src='http://127.0.0.1:9/x.png'><script>console.log('hi')</script>")
    chromium.open(bad, 390)
    assert chromium.evaluate(_STICKING_OUT) and chromium.console and len(chromium.requests) == 2
