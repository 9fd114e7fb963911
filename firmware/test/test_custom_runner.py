"""Lets `pio test` read the lines of test_golden.cpp; without it PlatformIO would fetch the Unity library."""

import re

import click
from platformio.public import TestCase, TestRunnerBase, TestStatus


class CustomTestRunner(TestRunnerBase):
    """Turns "golden N pass" and "golden N fail ..." into test cases."""

    EXTRA_LIB_DEPS = None

    def on_testing_line_output(self, line):
        """Read one line of the device's output."""
        text = line.strip()
        found = re.match(r"golden (\d+) (pass|fail)(?: (.*))?$", text)
        if found:
            number, result, why = found.groups()
            status = TestStatus.PASSED if result == "pass" else TestStatus.FAILED
            click.echo(f"{text}")
            self.test_suite.add_case(TestCase(name=f"golden_{number}", status=status, message=why, stdout=text))
        elif text == "golden done":
            self.test_suite.on_finish()
