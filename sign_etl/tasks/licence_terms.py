"""What the licences of data and weights ask of a model that was made with them.

No more than their names say, and no legal advice: a licence whose name tells nothing is named as
such, and where several bind none is chosen unless it asks for all that the others ask for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

OWN: Final = "yours"
"""Data of one's own: whoever trains decides."""
UNTOLD: Final = ("", "unknown", "not stated", "none stated")

_HUB: Final = frozenset(
    {
        *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "odbl", "pddl", "c-uda"),
        *("cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
        *("cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0"),
        *("cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0"),
        *("cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
    }
)
"""Names that Hugging Face accepts as `license`; any other is `other`, with a name of its own."""
_RENAMED: Final = {"c-uda-1.0": "c-uda"}
_FREE: Final = ("cc0-1.0", "pddl")
_NOTICE: Final = ("mit", "bsd-2-clause", "bsd-3-clause")
_CC: Final = re.compile(r"cc-by((?:-nc|-sa|-nd)*)-[\d.]+")
_WORDS: Final = {
    "no commercial use": re.compile(r"\bnc\b|non-?commercial|research|academic|authorised"),
    "the same licence for what is made of them": re.compile(r"\bsa\b|share-?alike"),
    "no derived works": re.compile(r"\bnd\b|no-?deriv"),
}
"""What the name of a licence gives away, by what it asks for."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One licence, and what it is of.

    Attributes:
        licence: as the data set or the weights tell it.
        of: name of the data set or of the weights.
        homepage: where its terms are, empty where that is not known.
    """

    licence: str
    of: str
    homepage: str = ""


def bindings(
    sources: Iterable[Mapping[str, Any]], weights: Iterable[Mapping[str, Any]]
) -> list[Binding]:
    """The licences of data and of initial weights, those of earlier runs' data too, each once.

    Args:
        sources: of `build.json`.
        weights: likewise, see `sign_etl.tasks.provenance.weights_facts`.
    """
    found = [
        Binding(str(each.get("licence", "")), str(each["dataset"]), str(each.get("homepage", "")))
        for each in sources
    ]
    for each in weights:
        if "sources" in each:
            if each["licence"]:
                found.append(Binding(each["licence"], each["what"]))
            found += bindings(each["sources"], each["before"])
        else:
            found.append(Binding(each["licence"], f"{each['what']} {each['name']}"))
    return list(dict.fromkeys(found))


def asked(bound: Sequence[Binding]) -> list[str]:
    """What they ask for, as far as their names say it: sentences."""
    said = []
    for what, pattern in _WORDS.items():
        who = [each for each in bound if pattern.search(each.licence.lower())]
        if who:
            said.append(f"{what[0].upper()}{what[1:]}: {_named(who)}.")
    untold = [each for each in bound if each.licence.lower() in UNTOLD]
    if untold:
        names = ", ".join(dict.fromkeys(each.of for each in untold))
        said.append(f"Terms not known: {names}. Ask before the model is passed on.")
    if len({each.licence for each in bound if "sa" in re.split(r"\W", each.licence.lower())}) > 1:
        said.append(
            "Two of them want their own licence for what is made of them; both cannot be had."
        )
    return said


def _named(bound: Sequence[Binding]) -> str:
    return ", ".join(dict.fromkeys(f"{each.of} ({each.licence})" for each in bound))


def hub_licence(bound: Sequence[Binding]) -> dict[str, str]:
    """`license` of a card's head, with `license_name` and `license_link` where it is `other`.

    The strictest one, if it asks for all that the others ask for; else `other`, named after all of
    them; `unknown` where nothing but unknown terms and data of one's own is left.
    """
    told = [each for each in bound if each.licence.lower() not in UNTOLD]
    theirs = [each for each in told if each.licence != OWN]
    if not theirs or len(told) < len(bound):
        return {"license": "unknown"}
    names = list(dict.fromkeys(_hub_name(each.licence) for each in theirs))
    strictest = _strictest(names)
    if strictest is not None:
        return {"license": strictest}
    slug = re.sub(r"[^a-z0-9.]+", "-", "-and-".join(names)).strip("-.")
    link = theirs[0].homepage if len(names) == 1 else ""
    found = {"license": "other", "license_name": slug[:96]}
    return found | ({"license_link": link} if link.startswith("http") else {})


def _hub_name(licence: str) -> str:
    name = licence.lower().replace(" ", "-")
    return _RENAMED.get(name, name)


def _strictest(names: Sequence[str]) -> str | None:
    if len(names) == 1:
        return names[0] if names[0] in _HUB else None
    asks = {name: _conditions(name) for name in names}
    for name, mine in asks.items():
        if name not in _HUB or mine is None:
            continue
        # What is shared alike, or must not be changed, cannot go under another name.
        if all(
            theirs is not None and theirs <= mine and (other == name or not theirs & {"sa", "nd"})
            for other, theirs in asks.items()
        ):
            return name
    return None


def _conditions(name: str) -> frozenset[str] | None:
    """What a licence asks for, None for terms of its own."""
    if name in _FREE:
        return frozenset()
    if name in _NOTICE:
        return frozenset({"notice"})
    if name == "apache-2.0":
        return frozenset({"notice", "changes"})
    found = _CC.fullmatch(name)
    return frozenset({"notice", "changes", "by", *found[1].split("-")[1:]}) if found else None
