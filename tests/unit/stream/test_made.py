"""Options of a recipe that do not fit are told in words of recipes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from sign_etl.core.errors import ConfigError
from sign_etl.stream.made import made
from sign_etl.stream.samplers import sampler
from sign_etl.stream.transforms_clip import clip_transforms
from sign_etl.stream.transforms_pose import transforms


@dataclass(frozen=True)
class Step:
    width: int
    share: float = 0.5

    def __post_init__(self) -> None:
        if self.share > 1:
            raise ConfigError("too much", hint="at most 1")


def refused(options: dict[str, Any]) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        made("step `s`", Step, options)
    return caught.value


def test_what_fits_is_made() -> None:
    assert made("step `s`", Step, {"width": 3}) == Step(3)


def test_what_does_not_fit_is_told() -> None:
    error = refused({"widht": 3})
    assert (error.message, error.hint) == (
        "step `s` has no option `widht`",
        "did you mean `width`?",
    )
    error = refused({"width": 1, "zzz": 3})
    assert error.hint == "its options are: width, share"
    error = refused({})
    assert error.message == "step `s` needs the option `width`"
    error = refused({"width": 3, "share": "x"})
    assert error.message.startswith("step `s`: '>' not supported")
    assert refused({"width": 3, "share": 2.0}).message == "too much"


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: sampler({"name": "circle", "frmes": 4}), "sampler `circle`"),
        (lambda: transforms([{"name": "mirror", "probabilty": 1}]), "pose transform `mirror`"),
        (lambda: clip_transforms([{"name": "rand-augment", "layer": 1}]), "`rand-augment`"),
    ],
    ids=["sampler", "pose", "clip"],
)
def test_a_mistyped_option_of_a_recipe_has_a_near_miss(make: Any, what: str) -> None:
    with pytest.raises(ConfigError, match="has no option") as caught:
        make()
    assert what in caught.value.message
    assert "did you mean `" in str(caught.value.hint)
