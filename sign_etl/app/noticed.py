"""What in a plan or a run is likely a slip of the user's, told beside the result; no error."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import pyarrow as pa
import pyarrow.compute as pc

from sign_etl.app.prepare import Prepared
from sign_etl.run.journal import Result
from sign_etl.run.plan import Plan
from sign_etl.schema.outcome import Reason

_SPLITS = ("train", "val", "test", "training", "testing", "valid", "validation", "dev", "devel")
_NEAR = 0.65
_NAMED = 3
"""So many missing files are named, the others counted."""


def split_notes(prepared: Prepared) -> tuple[str, ...]:
    """Splits that look like a mistyped `train`, `val` or `test`, one line each.

    Names with a meaning of their own stay unmentioned: `train_2`, `trainval`, `test-unseen`. Where
    folders say the split, it is the folder above that of the label.
    """
    lines = _near_splits("there is a split", pc.unique(prepared.plan.table["split"]).to_pylist())
    if prepared.recipe.name == "folder" and prepared.options.annotations is None:
        files = pc.unique(prepared.plan.table["source_id"]).to_pylist()
        above = {file.split("/")[0] for file in files if file.count("/") > 1}
        lines += _near_splits("there is a folder", sorted(above))
    return tuple(lines)


def _near_splits(what: str, names: Iterable[str]) -> list[str]:
    lines = []
    for split in names:
        if not split.isalpha() or any(known in split for known in _SPLITS):
            continue
        near = get_close_matches(split, _SPLITS, n=1, cutoff=_NEAR)
        if near:
            lines.append(f"{what} `{split}`: did you mean `{near[0]}`?")
    return lines


def missing_notes(plan: Plan, results: Iterable[Result]) -> tuple[str, ...]:
    """Which files the annotations name and the folder of `--media` lacks, in one line or none.

    Args:
        plan: of the run.
        results: what became of its clips.
    """
    keys = [
        result.key
        for result in results
        if result.reject is not None
        and result.reject.reason is Reason.MEDIA_MISSING
        and not result.reject.detail
    ]
    if not keys:
        return ()
    mine = pc.is_in(plan.table["key"], value_set=pa.array(keys))
    files = sorted(pc.unique(plan.table["source_id"].filter(mine)).to_pylist())
    if not files:
        return ()
    named = ", ".join(f"`{file}`" for file in files[:_NAMED])
    if len(files) > _NAMED:
        return (f"{len(files):,} files are not in the media folder, such as {named}",)
    are = "1 file is" if len(files) == 1 else f"{len(files)} files are"
    return (f"{are} not in the media folder: {named}",)
