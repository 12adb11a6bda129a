"""May the videos of a build be passed on? A closed list of licences that say so; all others do not.

This decides about a default and nothing more: whether poses or videos may be given to somebody is
for people to read up, in the licence that every export names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_OPEN: Final = re.compile(
    r"cc0(-1\.0)?|pddl(-1\.0)?|mit|apache-2\.0|bsd-[23]-clause|odbl(-1\.0)?|odc-by(-1\.0)?"
    r"|cc-by(-nc)?(-sa)?-[1-4]\.0"
)
"""Licences that allow passing copies on, perhaps with conditions. Those without derivatives (ND)
are not among them, because the videos of a build are cut and encoded anew."""

OWN: Final = "yours"
"""The licence of recipes that read the user's own files."""


@dataclass(frozen=True, slots=True)
class Rights:
    """What is known about a build's videos.

    Attributes:
        licence: of the data set, as its recipe states it.
        video: True where the videos may be passed on.
        why: the reason, one clause for people.
    """

    licence: str
    video: bool
    why: str


def rights_of(licence: str, access: str | None = None) -> Rights:
    """What a licence says about passing videos on.

    Args:
        licence: SPDX id or name of the terms, as in the manifest.
        access: how the data set's media are had, where its recipe is known: videos behind public
            links belong to those who put them there, and what a form gave out was given to one.
    """
    named = licence.strip() or "none stated"
    if access == "links":
        return Rights(named, False, "the videos belong to those who published them")
    if access == "form":
        return Rights(named, False, "the videos were given out on signed terms")
    if named.lower() == OWN:
        return Rights(named, True, "the videos are your own")
    if _OPEN.fullmatch(named.lower().replace(" ", "-")):
        return Rights(named, True, f"{named} allows it, on its conditions")
    return Rights(named, False, f"the licence ({named}) is not known to allow it")
