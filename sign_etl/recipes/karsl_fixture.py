"""A small fake copy of KArSL: folders of pictures by signer, split and sign."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CLIPS = (
    ("01", "train", 1, "01_01_0001_(15_11_16_16_41_12)_c"),
    ("01", "test", 71, "03_01_0071_(10_12_16_09_45_43)_c"),
    ("02", "train", 71, "03_02_0071_(11_12_16_10_05_08)_c"),
    ("02", "test", 1, "01_02_0001_(15_11_16_16_45_10)_c"),
    ("03", "train", 71, "03_03_0071_(12_12_16_11_15_30)_c"),
)


def write_fixture(root: Path) -> Mapping[str, Any]:
    """Write five clips under `root`; returns the recipe's options that read them.

    The workbook with the words is left out: it would make the fixture depend on an extra.
    """
    from sign_etl.recipes.fixture_signing import write_pictures

    for seed, (signer, part, sign, name) in enumerate(_CLIPS):
        folder = root / "media" / signer / part / f"{sign:04d}" / name
        write_pictures(folder, f"{name}_{{:04d}}.jpg", seed=seed)
    return {"media": root / "media", "held_out": 3}
