"""The words of MS-ASL: its classes, the synonyms merged into them; and a small fake copy."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.errors import AnnotationError
from sign_etl.core.files import write_json
from sign_etl.recipes.annotation_files import ANEW, load_json

# Split, class, annotated word, address, begin and end in seconds.
_INSTANCES = (
    ("train", 0, "hello", "https://www.youtube.com/watch?v=-aBcDeFgH_0", 0.0, 0.6),
    ("train", 1, "dad", "www.youtube.com/watch?v=-aBcDeFgH_0&t=54s", 0.2, 0.9),
    ("val", 1, "father", "www.youtube.com/watch?v=aBcDeFgH_01", 0.0, 0.8),
    ("test", 0, "hello", "https://www.youtube.com/watch?v=aBcDeFgH_02", 0.1, 0.9),
)


def read_classes(path: Path) -> list[str]:
    """The class names; the place is the class id.

    Raises:
        AnnotationError: the file cannot be read or is no list of different words.
    """
    words = load_json(path)
    if not _is_words(words) or len(set(words)) != len(words):
        raise AnnotationError(f"{path.name}: is no list of different words", hint=ANEW)
    return list(words)


def read_synonyms(path: Path, classes: list[str]) -> dict[str, str]:
    """For each word that is no class and stands behind one, in lower case, the class it became.

    Two rows say `room` and `box` in either order, and some words stand in a row twice: what counts
    is which word of the row is a class.

    Raises:
        AnnotationError: the file cannot be read or is no list of lists of words.
    """
    rows = load_json(path)
    if not isinstance(rows, list) or not all(map(_is_words, rows)):
        raise AnnotationError(f"{path.name}: is no list of lists of words", hint=ANEW)
    known = set(classes)
    merged: dict[str, str] = {}
    for first, *others in rows:
        if first in known:
            for word in others:
                if word not in known:
                    merged.setdefault(word.lower(), first)
    return merged


def write_fixture(root: Path) -> Mapping[str, Any]:
    """Write annotations and files under `root`; returns the recipe's options that read them."""
    from sign_etl.recipes.fixture_signing import write_clip

    folder, classes = root / "MS-ASL", ["hello", "father"]
    write_json(folder / "MSASL_classes.json", classes)
    write_json(folder / "MSASL_synonym.json", [["father", "dad", "daddy"]])
    rows: dict[str, list[dict[str, Any]]] = {"train": [], "val": [], "test": []}
    for number, (split, label, word, address, start_s, end_s) in enumerate(_INSTANCES):
        rows[split].append(
            {
                "org_text": word.upper(),
                "clean_text": word,
                "start_time": start_s,
                "signer_id": max(number - 1, 0),
                "signer": -1,
                "start": round(start_s * 25),
                "end": round(end_s * 25),
                "file": f"ASL {word}",
                "label": label,
                "height": 160.0,
                "fps": 25.0,
                "end_time": end_s,
                "url": address,
                "text": classes[label],
                "box": [0.05, 0.1, 1.0, 0.9],
                "width": 160.0,
            }
        )
    for split, instances in rows.items():
        write_json(folder / f"MSASL_{split}.json", instances)
    for number, stem in enumerate(("-aBcDeFgH_0", "aBcDeFgH_01", "aBcDeFgH_02")):
        write_clip(root / "videos" / f"{stem}.mp4", seed=number, frames=25)
    return {"annotations": folder, "media": root / "videos"}


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and value != [] and all(isinstance(word, str) for word in value)
