"""Options of plug-ins in words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from sign_etl.app.options import option_parts, type_words


class Some(BaseModel):
    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    folder: Path | None = None
    """Where
    it is."""
    subset: Literal[100, 300] | None = None
    words: tuple[str, ...] = ("a",)


def test_options_in_words() -> None:
    def options(raw: Mapping[str, Any]) -> Some:
        return Some.model_validate(raw)

    parts = option_parts(options)
    assert [(part.name, part.type, part.default) for part in parts] == [
        ("folder", "path", None),
        ("subset", "100 or 300", None),
        ("words", "list of text", ["a"]),
    ]
    assert parts[0].help == "Where it is."


def test_a_group_is_shown_by_the_names_that_set_takes() -> None:
    class Whole(Some):
        inner: Some = Some()

    names = [part.name for part in option_parts(lambda raw: Whole.model_validate(raw))]
    assert names == ["folder", "subset", "words", "inner.folder", "inner.subset", "inner.words"]


def test_options_that_need_one_are_not_shown() -> None:
    class Needy(Some):
        name: str

    assert option_parts(lambda raw: Needy.model_validate(raw)) == ()


def test_where_one_is_needed_the_signature_is_believed() -> None:
    class Needy(Some):
        name: str

    def options(raw: Mapping[str, Any]) -> Some:
        return Needy.model_validate(raw)

    options.__annotations__["return"] = Needy
    parts = {part.name: part for part in option_parts(options)}
    assert list(parts) == ["folder", "subset", "words", "name"]
    assert (parts["name"].required, parts["name"].default) == (True, None)
    assert not parts["words"].required


def test_type_words() -> None:
    assert type_words(bool) == "true or false"
    assert type_words(bool | tuple[str, ...]) == "true or false or list of text"
    assert type_words(dict[str, int]) == "mapping"
    assert type_words(Literal["a", "b", "c"]) == "a, b or c"
