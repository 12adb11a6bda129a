"""`datasets new`: the files of a new data set in a checkout, from templates that work as they are.

The templates are real files in `sign_etl/recipes/_template`; a test fills them in and runs the
contract tests on what comes out.
"""

from __future__ import annotations

import keyword
import re
from pathlib import Path

import sign_etl.recipes
from sign_etl.core.errors import UsageError
from sign_etl.core.files import write_bytes
from sign_etl.recipes.base import RECIPES
from sign_etl.schema.replies import DatasetsNew

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 32
_REGISTRY = "sign_etl/recipes/base.py"
_README = "pipelines/README.md"
_TEMPLATES = Path(sign_etl.recipes.__file__).parent / "_template"


def new_dataset(name: str, root: Path, *, title: str | None = None) -> DatasetsNew:
    """Write recipe, pipeline and test of a new data set, and register it.

    Args:
        name: such as `my-words`; in commands, keys and file names.
        root: the checkout of sign-etl.
        title: full name of the data set; default made of `name`.

    Raises:
        UsageError: the name is taken or none, or `root` is no checkout.

    Example:
        >>> new_dataset("my-signs", Path(".")).written
        ('sign_etl/recipes/my_signs.py', 'pipelines/my-signs.yaml', ...)
    """
    module = _module(name)
    if not (root / _REGISTRY).is_file() or not (root / _README).is_file():
        raise UsageError(
            f"{root} is no checkout of sign-etl",
            hint="run it in one, or register a recipe of your own package as an entry point of the"
            " group `sign_etl.recipes`",
        )
    words = {
        "@NAME@": name,
        "@MODULE@": module,
        "@CLASS@": "".join(part.capitalize() for part in name.split("-")),
        "@TITLE@": title or name.replace("-", " ").capitalize(),
    }
    files = {
        f"sign_etl/recipes/{module}.py": _filled("recipe.py.txt", words),
        f"pipelines/{name}.yaml": _filled("pipeline.yaml.txt", words),
        f"tests/unit/recipes/test_{module}.py": _filled("test.py.txt", words),
    }
    for path in files:
        if (root / path).exists():
            raise UsageError(f"{path} is there already", hint="choose another name")
    changed = {
        _REGISTRY: _registered((root / _REGISTRY).read_text("utf-8"), module),
        _README: _listed((root / _README).read_text("utf-8"), name, words["@TITLE@"]),
    }
    for path, text in {**files, **changed}.items():
        write_bytes(root / path, text.encode("utf-8"))
    return DatasetsNew(name=name, written=tuple(files), changed=tuple(changed))


def _module(name: str) -> str:
    module = name.replace("-", "_")
    if not _NAME.fullmatch(name) or len(name) > _LONGEST or keyword.iskeyword(module):
        raise UsageError(
            f"`{name}` is no name for a data set",
            hint=f"at most {_LONGEST} small letters, digits and hyphens, a letter first: my-words",
        )
    if name in RECIPES.names():
        raise UsageError(
            f"the data set `{name}` exists", hint=f"see it with `sign-etl datasets info {name}`"
        )
    return module


def _filled(template: str, words: dict[str, str]) -> str:
    text = (_TEMPLATES / template).read_text("utf-8")
    for mark, word in words.items():
        text = text.replace(mark, word)
    return text


def _registered(text: str, module: str) -> str:
    """The registry with one more line, in order."""
    head, opening, rest = text.partition("RECIPES.builtin(\n")
    block, closing, tail = rest.partition("\n)")
    lines = block.split("\n")
    if not opening or not closing or not all(line.startswith("    ") for line in lines):
        raise UsageError(
            f"{_REGISTRY} holds no `RECIPES.builtin(...)` that can be added to",
            hint="run it in a fresh checkout of sign-etl",
        )
    lines.append(f'    {module}="sign_etl.recipes.{module}:RECIPE",')
    return head + opening + "\n".join(sorted(lines)) + closing + tail


def _listed(text: str, name: str, title: str) -> str:
    """The list of pipelines with one more row, the last one of its table."""
    lines = text.split("\n")
    rows = [number for number, line in enumerate(lines) if line.startswith("| `")]
    if not rows:
        raise UsageError(
            f"{_README} holds no table of pipelines", hint="run it in a fresh checkout of sign-etl"
        )
    lines.insert(rows[-1] + 1, f"| `{name}.yaml` | {title} | what you have |")
    return "\n".join(lines)
