from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import jinja2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from microgen.errors import InputError
from microgen.support import byte_lines, render, resources
from microgen.support.render import c_comment, c_float, c_string, ini_value, markdown
from tests.support.tools import compiler


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 1000])
def test_lines_of_bytes_give_every_byte_back(length):
    data = np.random.default_rng(length).integers(0, 256, length, np.uint8)
    text = byte_lines.write(data).decode()
    assert bytes(int(x, 16) for x in text.replace("\n", "").split(",") if x.strip()) == data.tobytes()
    assert all(len(line) <= 82 for line in text.splitlines())


HOSTILE = [
    '"; system("rm -rf /"); //',
    "a\\",
    "??/",
    "<script>alert(1)</script>",
    "наука",
    "\n\r\t\0",
    "%s${x}",
    "'",
    "1\x022",
]


def test_strings_survive_the_compiler(tmp_path):
    """What a user typed comes back out of the compiled program, byte for byte."""
    source = tmp_path / "strings.cc"
    literals = ",\n".join(c_string(s) for s in HOSTILE)
    comments = "\n".join(f"// {c_comment(s)}" for s in HOSTILE)
    source.write_text(
        f"#include <cstdio>\n{comments}\nstatic const char* const s[] = {{{literals}}};\n"
        f"static const unsigned n[] = {{{', '.join(str(len(s.encode())) for s in HOSTILE)}}};\n"
        "int main() { for (unsigned i = 0; i < sizeof(s) / sizeof(*s); ++i) { fwrite(s[i], 1, n[i], stdout); } }\n"
    )
    program = tmp_path / "strings"
    subprocess.run(
        [*compiler(), "-std=c++17", "-trigraphs", "-Wall", "-Wextra", "-Werror", source, "-o", program], check=True
    )
    assert subprocess.run([program], capture_output=True, check=True).stdout == "".join(HOSTILE).encode()


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_floats_are_exact(value):
    assert np.float32(float.fromhex(c_float(value).removesuffix("f"))) == np.float32(value)


def test_what_would_begin_a_comment_in_platformio_ini_is_refused():
    with pytest.raises(InputError, match=r"cannot be written into platformio\.ini"):
        ini_value("a ;b")


@settings(deadline=None)
@given(st.text(max_size=40))
def test_ini_values_stay_on_their_line(text):
    from platformio.project.config import ProjectConfig

    try:
        value = ini_value(f"x{text}")
    except InputError:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "platformio.ini"
        path.write_text(f"[env:s]\ncustom_key = {value}\ncustom_last = 1\n", "utf-8")
        config = ProjectConfig(str(path), parse_extra=False, expand_interpolations=False)
        assert config.sections() == ["env:s"] and config.options("env:s") == ["custom_key", "custom_last"]
        assert config.get("env:s", "custom_key") == " ".join(f"x{text}".split())


def test_markdown_is_inert():
    assert markdown("<script>a|b</script>\n# x") == "&lt;script&gt;a\\|b&lt;/script&gt; \\# x"


def test_a_compiled_template_is_kept_and_made_anew_when_it_is_damaged(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kept = tmp_path / "microgen/templates"
    values = {"text": "a"}
    monkeypatch.setattr(resources, "path", lambda name: tmp_path / name)
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates/one.j2").write_text("first {{ text }}\n")
    compiled, generate = [], jinja2.Environment._generate
    monkeypatch.setattr(
        jinja2.Environment, "_generate", lambda *args, **more: compiled.append(1) or generate(*args, **more)
    )
    for damage, times in ((False, 1), (False, 1), (True, 2)):
        if damage:
            for path in kept.iterdir():
                path.write_bytes(path.read_bytes()[:-1] + b"x")
        render._environment.cache_clear()
        assert render.render("one.j2", **values) == b"first a\n"
        assert len(compiled) == times
    (tmp_path / "templates/one.j2").write_text("second {{ text }}\n")
    render._environment.cache_clear()
    assert render.render("one.j2", **values) == b"second a\n"
    render._environment.cache_clear()
