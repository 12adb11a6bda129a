"""Hygiene of a build: the same clip twice, what several splits share, classes without clips.

A *leak* is content that stands in more than one split: a source, or a clip and its copy. A signer
in several splits is told apart from that, since many data sets are made so on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sign_etl.reader.build import Build
from sign_etl.reader.hygiene_columns import Columns, read_columns
from sign_etl.reader.hygiene_copies import Copies, Tally, exact_copies
from sign_etl.reader.hygiene_near import NearCopies, near_copies

EXAMPLES = 20
"""So many pairs, sources or signers are named."""

__all__ = ["Copies", "Hygiene", "MissingClasses", "NearCopies", "Shared", "Sharing", "examine"]


@dataclass(frozen=True, slots=True)
class Shared:
    """A source or signer that stands in more than one split.

    Attributes:
        name: its id.
        splits: where, with the number of clips.
    """

    name: str
    splits: dict[str, int]


@dataclass(frozen=True, slots=True)
class Sharing:
    """Everything of one kind that stands in more than one split.

    Attributes:
        total: how many there are.
        clips: clips that they have together.
        examples: the first of them.
    """

    total: int
    clips: int
    examples: tuple[Shared, ...]


@dataclass(frozen=True, slots=True)
class MissingClasses:
    """Classes of the build that one split has no clip of.

    Attributes:
        split: the split.
        annotated: how many of them the data set has no clip for there.
        lost: how many of them have annotated clips there, none of which was written.
        examples: the first of all of them.
    """

    split: str
    annotated: int
    lost: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hygiene:
    """What `examine` found.

    Attributes:
        exact: clips with the same bytes; None where the lock, which knows them, is missing.
        near: clips with nearly the same keypoints; None where they were not compared.
        sources: sources in more than one split.
        signers: signers in more than one split.
        missing: splits that lack classes.
    """

    exact: Copies | None
    near: NearCopies | None
    sources: Sharing
    signers: Sharing
    missing: tuple[MissingClasses, ...]

    @property
    def leaks(self) -> int:
        """Sources, and pairs of clips, that stand in more than one split."""
        copies = sum(found.across_splits for found in self._pairs())
        return self.sources.total + copies

    def _pairs(self) -> Iterable[Copies]:
        if self.exact is not None:
            yield self.exact
        if self.near is not None:
            yield self.near.copies


def examine(build: Build, *, poses: bool = True, examples: int = EXAMPLES) -> Hygiene:
    """Look for copies, leaks and missing classes among the written clips of a build.

    Args:
        build: an open build.
        poses: compare keypoints too; reads them all.
        examples: how many findings of a kind are named.

    Raises:
        VerifyError: a file of the build is damaged.
    """
    columns = read_columns(build)
    exact = exact_copies(columns, Tally(columns, examples)) if columns.locked else None
    near = near_copies(build, columns, examples) if poses else None
    return Hygiene(
        exact=exact,
        near=near,
        sources=_sharing(columns, columns.contents, columns.source_names, examples),
        signers=_sharing(columns, columns.signers, columns.signer_names, examples),
        missing=_missing(build, examples),
    )


def _sharing(
    columns: Columns, codes: np.ndarray[tuple[int], np.dtype[np.int64]], names: list[str], most: int
) -> Sharing:
    """What of `codes` (-1 for unknown) stands in more than one split."""
    known = codes >= 0
    pairs, counts = np.unique(
        np.stack([codes[known], columns.splits[known]], axis=1), axis=0, return_counts=True
    )
    values, splits = np.unique(pairs[:, 0], return_counts=True)
    shared = values[splits > 1]
    examples = []
    for value in shared[:most].tolist():
        of_value = pairs[:, 0] == value
        where = {
            columns.split_names[split]: int(count)
            for split, count in zip(pairs[of_value, 1], counts[of_value], strict=True)
        }
        examples.append(Shared(names[value], where))
    clips = int(counts[np.isin(pairs[:, 0], shared)].sum())
    return Sharing(len(shared), clips, tuple(sorted(examples, key=lambda one: one.name)))


def _missing(build: Build, examples: int) -> tuple[MissingClasses, ...]:
    written = _labels_by_split(build.index)
    annotated = _labels_by_split(build.ledger)
    classes = sorted({label for labels in written.values() for label in labels})
    found = []
    for split in written:
        absent = [label for label in classes if label not in written[split]]
        lost = sum(label in annotated.get(split, ()) for label in absent)
        if absent:
            found.append(MissingClasses(split, len(absent) - lost, lost, tuple(absent[:examples])))
    return tuple(found)


def _labels_by_split(table: object) -> dict[str, set[str]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    assert isinstance(table, pa.Table)
    known = table.filter(pc.is_valid(table["label"]))
    rows = known.group_by(["split", "label"], use_threads=False).aggregate([]).to_pylist()
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["split"], set()).add(row["label"])
    return found
