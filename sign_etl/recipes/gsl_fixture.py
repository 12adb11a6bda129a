"""Small fake copies of GSL: folders of pictures, and lists in the real format."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.files import write_bytes
from sign_etl.recipes.fixture_signing import write_pictures

_ISOLATED = {
    "train": (
        ("health1_signer1_rep1_glosses/glosses0000", "ΓΕΙΑ"),
        ("health1_signer1_rep1_glosses/glosses0001", "ΕΓΩ(1)"),
    ),
    "val": (("health1_signer3_rep1_glosses/glosses0000", "ΓΕΙΑ"),),
    "test": (("health1_signer3_rep3_glosses/glosses0001", "ΕΓΩ(1)"),),
}
_SENTENCES = {
    "train": ("police1_signer1_rep1_sentences/sentences0000", "ΓΕΙΑ ΕΓΩ(1) ΜΠΟΡΩ ΒΟΗΘΩ"),
    "dev": ("police1_signer3_rep1_sentences/sentences0002", "ΠΡΟΒΛΗΜΑ ΤΙ"),
    "test": ("police1_signer3_rep3_sentences/sentences0000", "ΓΕΙΑ ΕΓΩ(1) ΜΠΟΡΩ ΒΟΗΘΩ"),
}


def write_isolated(root: Path) -> Mapping[str, Any]:
    """Write four glosses under `root`; returns the recipe's options that read them."""
    for split, rows in _ISOLATED.items():
        _write_list(root / "lists" / f"{split}_greek_iso.csv", [f"{p}|{g}" for p, g in rows])
        for path, _ in rows:
            _draw(root / "media", path)
    return {"annotations": root / "lists", "media": root / "media"}


def write_continuous(root: Path) -> Mapping[str, Any]:
    """Write three sentences under `root`; returns the recipe's options that read them."""
    texts = []
    for split, (path, glosses) in _SENTENCES.items():
        dialogue = path.partition("_")[0]
        _write_list(root / "lists" / f"gsl_split_SI_{split}.csv", [f"{dialogue}/{path}|{glosses}"])
        if glosses.startswith("ΓΕΙΑ"):
            texts.append(f"{path}|γεια σας πώς μπορώ να βοηθήσω|{glosses}")
        _draw(root / "media", path)
    _write_list(root / "lists" / "annotations.csv", texts)
    return {"annotations": root / "lists", "media": root / "media"}


def _write_list(path: Path, lines: list[str]) -> None:
    write_bytes(path, "".join(f"{line}\n" for line in lines).encode("utf-8"))


def _draw(media: Path, path: str) -> None:
    person = int(path.partition("_signer")[2][0])
    write_pictures(media / path, "frame_{:04d}.jpg", seed=person)
