"""What `sign-etl train list` prints."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sign_etl.cli.output import Output, fact_lines, is_terminal

if TYPE_CHECKING:
    from sign_etl.schema.training_replies import RecipePart

WIDE = 120
"""Columns of a terminal that has room for descriptions in a list."""


def tell_recipes(out: Output, only: str | None) -> None:
    """Print all recipes in a table, or those of one system in full.

    Args:
        out: what speaks.
        only: a system or a recipe, None for all.
    """
    from sign_etl.app.train_list import listed
    from sign_etl.schema.training_replies import Train

    reply = Train(recipes=listed(only))
    out.data(reply.to_json(), schema=reply.command)
    out.names(part.name for part in reply.recipes)
    if only is None:
        # A narrow terminal has no room for more than what a recipe wants and what others had.
        wide = not is_terminal(sys.stdout) or shutil.get_terminal_size().columns >= WIDE
        heads, rows = ["name", "needs", "published"], []
        for part in reply.recipes:
            row = [part.name, _needs(part), part.published]
            rows.append([*row, part.description] if wide else row)
        out.table([*heads, "description"] if wide else heads, rows)
        out.note("All about one system: sign-etl train list slovo")
    else:
        for part in reply.recipes:
            facts = {
                "does": part.description,
                "task": part.task,
                "model": part.model,
                "reads": _reads(part),
                "build": part.build,
                "begins with": ", ".join(filter(None, (*part.weights, part.before))),
                "stages": part.stages,
                "published": part.published,
            }
            out.text(part.name)  # as it is typed: a fact's name has no underscores
            for line in fact_lines({name: value for name, value in facts.items() if value}, 1):
                out.text(line)
    out.note("All of them need: pip install 'sign-etl[train]'. More: sign-etl help train")


def _reads(part: RecipePart) -> str:
    return " ".join(filter(None, (part.view, part.keypoints)))


def _needs(part: RecipePart) -> str:
    begun = ", ".join(filter(None, (*(part.stages or part.weights), part.before)))
    return f"{_reads(part)}; {begun}" if begun else _reads(part)


def made_by(recipe: Path) -> str:
    """How a build that fits a recipe is made, for the end of a hint; nothing where it is silent."""
    from sign_etl.schema.document import read_document

    build = read_document(recipe).values.get("build")
    return f"; a build is made by `{build}`" if isinstance(build, str) and build else ""
