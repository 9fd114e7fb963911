"""Packages that TensorFlow and Keras would load for what microgen does not use."""

from __future__ import annotations

import subprocess
import sys

IMPORTS = "for name in ('jax', 'other'):\n    try:\n        __import__(name)\n    except ModuleNotFoundError as e:\n"
IMPORTS += "        print(__name__, e)\nfrom importlib import import_module\n"
PACKAGES = {
    "jax": "",
    "other": "",
    "keras": IMPORTS + "try:\n    import_module('jax.part')\nexcept ImportError as e:\n    print(e.name)",
    "kerastuner": "import jax",
}


def test_keras_finds_none_of_them_and_others_do(tmp_path):
    for name, content in PACKAGES.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(content)
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}]\nfrom microgen.workers import unused\nunused.hide()\n"
    code += (
        "unused.hide()\nimport keras; assert 'jax' not in sys.modules\nimport kerastuner; print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines() == ["keras No module named 'jax'", "jax", "True"], done.stderr
