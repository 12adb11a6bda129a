"""Which licence a card's head may name, and what it says about the others."""

from __future__ import annotations

import pytest

from sign_etl.tasks.licence_terms import Binding, asked, bindings, hub_licence

OF = "some data"


def head(*licences: str) -> dict[str, str]:
    return hub_licence([Binding(licence, f"{OF} {n}") for n, licence in enumerate(licences)])


@pytest.mark.parametrize(
    ("licences", "chosen"),
    [
        (("CC-BY-4.0",), "cc-by-4.0"),
        (("CC0-1.0", "CC-BY-4.0", "yours"), "cc-by-4.0"),
        (("CC-BY-4.0", "CC-BY-NC-4.0"), "cc-by-nc-4.0"),
        (("CC-BY-NC-SA-4.0", "CC-BY-4.0", "MIT"), "cc-by-nc-sa-4.0"),
        (("MIT", "CC-BY-4.0"), "cc-by-4.0"),
        (("BSD-3-Clause", "Apache-2.0"), "apache-2.0"),
        (("C-UDA-1.0",), "c-uda"),
        (("yours",), "unknown"),
        (("CC-BY-4.0", "not stated"), "unknown"),
        (("CC-BY-4.0", ""), "unknown"),
    ],
)
def test_the_strictest_is_named(licences: tuple[str, ...], chosen: str) -> None:
    assert head(*licences) == {"license": chosen}
    assert head(*reversed(licences)) == {"license": chosen}


def test_none_is_named_that_not_all_would_allow() -> None:
    # What is shared alike under BY-SA may not be put under BY-NC-SA, and terms of one's own bind.
    assert head("CC-BY-SA-4.0", "CC-BY-NC-SA-4.0") == {
        "license": "other",
        "license_name": "cc-by-sa-4.0-and-cc-by-nc-sa-4.0",
    }
    assert head("CC-BY-NC-4.0", "CC-BY-SA-4.0")["license"] == "other"
    assert head("CC-BY-4.0", "Sem-Lex terms of use")["license"] == "other"
    slovo = Binding("Slovo licence, a variant of CC BY-SA 4.0", "slovo", "https://example.org/x")
    assert hub_licence([slovo]) == {
        "license": "other",
        "license_name": "slovo-licence-a-variant-of-cc-by-sa-4.0",
        "license_link": "https://example.org/x",
    }
    # The hub has no such version.
    assert head("CC-BY-SA-2.0")["license"] == "other"


def test_what_is_asked_for_is_told() -> None:
    bound = [
        Binding("CC-BY-NC-4.0", "a"),
        Binding("Slovo licence, a variant of CC BY-SA 4.0", "b"),
        Binding("CC-BY-NC-SA-3.0", "c"),
        Binding("not stated", "d"),
        Binding("CC0-1.0", "e"),
    ]
    said = asked(bound)
    assert said[0] == "No commercial use: a (CC-BY-NC-4.0), c (CC-BY-NC-SA-3.0)."
    assert said[1].startswith("The same licence for what is made of them: b (Slovo")
    assert said[2] == "Terms not known: d. Ask before the model is passed on."
    assert "both cannot be had" in said[3]
    assert asked([Binding("CC-BY-4.0", "a")]) == []


def test_data_of_earlier_runs_bind_too() -> None:
    source = {"dataset": "now", "licence": "CC0-1.0"}
    clip = {"what": "frozen CLIP", "name": "vit", "licence": "MIT", "files": {}}
    run = {
        "what": "weights of the run first",
        "name": "step-1",
        "licence": "",
        "files": {},
        "sources": [{"dataset": "then", "licence": "CC-BY-NC-4.0"}],
        "before": [clip],
    }
    found = bindings([source], [run])
    assert [(each.of, each.licence) for each in found] == [
        ("now", "CC0-1.0"),
        ("then", "CC-BY-NC-4.0"),
        ("frozen CLIP vit", "MIT"),
    ]
    assert hub_licence(found) == {"license": "cc-by-nc-4.0"}
