"""`sign-etl train list`: all recipes, those of one system, and names that are nearly right."""

from __future__ import annotations

from typing import Any

import pytest

from sign_etl.app.train_list import find_recipe, listed, systems
from sign_etl.core.errors import ConfigError


def test_all_of_them_and_one_system(sign_etl: Any, reply: Any) -> None:
    done = sign_etl("train", "list")
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["name", "needs", "published", "description"]
    assert len(lines) == 1 + len(listed())
    assert "sign-etl train list slovo" in done.stderr
    told = sign_etl("train", "list", "slovo/mvitv2_32_2").stdout
    assert told.startswith("slovo/mvitv2_32_2\n")
    assert "  build " in told
    assert "64.09" in told
    parts = reply("train", "list", "slovo")["recipes"]
    assert {part["name"].partition("/")[0] for part in parts} == {"slovo"}
    assert sign_etl("train", "list", "slovo", "--quiet").stdout.split() == [
        p["name"] for p in parts
    ]


def test_what_a_recipe_begins_with_is_among_its_needs() -> None:
    parts = {part.name: part for part in listed()}
    assert parts["slt_mae/autsl"].before == "runs/slt_mae-pretrain"
    assert "efficientnet_b0 of ImageNet" in parts["unisign/stage2"].weights
    assert parts["unisign/svk_clips_small_rgb"].weights == ()
    assert parts["unisign/run"].before == ""
    # Whoever published a figure, or none, is told; what is our own has none.
    theirs = [name for name in parts if name.startswith(("slovo/", "slt_mae/", "signvlm/"))]
    assert all(parts[name].published for name in theirs if "svk_clips" not in name)


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("slovo", r"`slovo` is a system of \d+ recipes", "sign-etl train list slovo"),
        ("slovo/mvit_16_4", "unknown training recipe", "did you mean `slovo/mvitv2_16_4`?"),
        ("unisgn", "unknown training recipe", "did you mean `unisign`?"),
        ("xyz", "unknown training recipe", "sign-etl train list"),
    ],
)
def test_a_wrong_name_shows_the_way(name: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        find_recipe(name)
    assert hint in (caught.value.hint or "")


def test_a_wrong_system_shows_the_way() -> None:
    with pytest.raises(ConfigError) as caught:
        listed("slowo")
    assert "did you mean `slovo`?" in (caught.value.hint or "")
    with pytest.raises(ConfigError) as caught:
        listed("xyz")
    assert all(name in (caught.value.hint or "") for name in systems())


def test_a_build_without_its_option_is_told(sign_etl: Any) -> None:
    wrong = sign_etl("train", "slovo/svk_clips_small", "builds/eight")
    assert wrong.returncode == 2
    assert "--data builds/eight" in wrong.stderr
