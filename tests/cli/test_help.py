"""`sign-etl help`: the pages, and what they are asked for."""

from __future__ import annotations

import json

import pytest
from process import sign_etl

from sign_etl.cli.help import topics


def test_the_list_names_every_page() -> None:
    listed = sign_etl("help").stdout
    assert all(name in listed for name in topics())
    assert {"new-data-set", "new-backend", "slurm", "kuberay", "licences"} <= set(topics())


@pytest.mark.parametrize("topic", sorted(topics()))
def test_a_page_is_printed_whole(topic: str) -> None:
    text = topics()[topic].read_text(encoding="utf-8")
    assert sign_etl("help", topic).stdout.rstrip() == text.rstrip()
    assert max(map(len, text.splitlines())) <= 120
    [part] = json.loads(sign_etl("help", topic, "--json").stdout)["data"]["topics"]
    assert (part["name"], part["text"]) == (topic, text)
    assert part["title"] == text.splitlines()[0].removeprefix("# ")


def test_a_near_miss_is_named() -> None:
    wrong = sign_etl("help", "slrum", expect=2)
    assert "no page `slrum`" in wrong.stderr
    assert "slurm" in wrong.stderr
