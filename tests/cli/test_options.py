from __future__ import annotations

import pytest

from microgen.cli.options import parse_settings
from microgen.errors import InputError


def test_settings_are_names_and_values():
    assert parse_settings(None) is None
    assert parse_settings(["task=ic01", "threshold=a=b", "empty="]) == {"task": "ic01", "threshold": "a=b", "empty": ""}


@pytest.mark.parametrize("texts", [["task"], ["=ic01"], ["task=ic01", "task=ad01"]])
def test_what_is_no_setting_is_named(texts):
    with pytest.raises(InputError) as caught:
        parse_settings(texts)
    assert caught.value.option == "application_options" and texts[-1] in caught.value.message
