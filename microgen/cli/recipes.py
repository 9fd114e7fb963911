"""microgen recipes: list the recipes."""

from __future__ import annotations

from typing import Annotated

import typer

from ..report.text import print_json, print_pairs
from . import completion
from .options import Json


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(help="A recipe's name.", show_default=False, autocompletion=completion.recipes),
    ] = None,
    as_json: Json = False,
) -> None:
    """List all recipes, or describe one."""
    from ..recipes import load_recipe, recipe_names
    from ..report.models import recipe_lines
    from ..report.text import table

    listed = [load_recipe(n) for n in ([name] if name is not None else recipe_names())]
    if as_json:
        print_json(listed[0].to_json() if name is not None else [r.to_json() for r in listed])
    elif name is not None:
        print_pairs(recipe_lines(listed[0]))
    else:
        table(["name", "recipe", "task", "data"], [[r.name, r.title, r.task, r.source] for r in listed])
