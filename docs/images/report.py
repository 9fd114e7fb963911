"""Takes pictures of a report in light and dark: python docs/images/report.py MODEL.tflite

The pictures here are of MLPerf Tiny's kws_ref_model.tflite. Needs Chromium and Pillow.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

import microgen

HERE = Path(__file__).parent
WIDTH, HEIGHT = 1120, 1960
# Blink's numbers of the preferred color scheme.
SCHEMES = {"dark": 0, "light": 1}


def main() -> None:
    """Build, verify, and write report-light.png and report-dark.png beside this file."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        microgen.build(sys.argv[1], "pico", out=work / "project")
        verdict = microgen.verify(work / "project", layers=True)
        microgen.write_report(work / "report.html", microgen.inspect(work / "project"), verdict)
        for name, scheme in SCHEMES.items():
            shot = work / f"{name}.png"
            browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
            options = [f"--blink-settings=preferredColorScheme={scheme}", f"--window-size={WIDTH},{HEIGHT}"]
            page = (work / "report.html").as_uri()
            subprocess.run([*browser, *options, f"--screenshot={shot}", page], check=True, capture_output=True)
            # A page has few colors: a palette makes a third of the bytes.
            Image.open(shot).convert("RGB").quantize(160).save(HERE / f"report-{name}.png", optimize=True)


if __name__ == "__main__":
    main()
