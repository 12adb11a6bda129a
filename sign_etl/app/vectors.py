"""After training: vectors of clips, similarity of classes, recognition by neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sign_etl.app.train import need_packages
from sign_etl.core.errors import UsageError
from sign_etl.schema.vector_replies import ClosePair, Embed, Knn, Similarity

if TYPE_CHECKING:
    from sign_etl.schema.vectors import Vectors
    from sign_etl.tasks.similarity import Variant

LEARNED = ("train",)
"""Split whose clips tell how similar classes are: soft targets must not know the others."""


def embed(
    run: Path, data: Sequence[str], splits: Sequence[str], out: Path, *, logits: bool = False
) -> Embed:
    """Write one vector for every clip.

    Args:
        run: a run folder, or a checkpoint in it.
        data: builds.
        splits: of them; none for all.
        out: a Parquet file.
        logits: keep a classifier's scores too.

    Raises:
        UsageError: no checkpoint, no build, no clip.
        ConfigError: the run's model has no vector for a clip.

    Example:
        >>> embed(Path("runs/words"), ["builds/mine"], [], Path("vectors.parquet")).clips
        105
    """
    need_packages()
    from sign_etl.schema.vectors import write_vectors
    from sign_etl.tasks.embedding import embed as embedded
    from sign_etl.tasks.trained import open_run

    found = embedded(open_run(run, data), splits, logits=logits)
    vectors = found.vectors
    out.parent.mkdir(parents=True, exist_ok=True)
    write_vectors(out, vectors)
    return Embed(
        file=str(out),
        clips=len(vectors),
        damaged=found.wanted - len(vectors),
        size=vectors.vector.shape[1],
        output=vectors.facts.output,
        model=vectors.facts.model,
    )


def similarity(
    what: Path,
    data: Sequence[str],
    splits: Sequence[str],
    out: Path,
    *,
    variant: Variant,
    alpha: float,
    beta: float,
    seed: int,
) -> Similarity:
    """Write how similar the classes are, and soft targets made of it.

    Args:
        what: a table of vectors, or a run.
        data: builds, for a run.
        splits: whose clips count.
        out: folder for `soft_targets.npy` and `.parquet`, `similarity.npy`, `closest.csv`,
            `similarity.png` and `similarity.json`.
        variant: see `sign_etl.tasks.similarity`.
        alpha: share of the target that is spread over similar classes.
        beta: how quickly similarity falls with distance.
        seed: of the draws.

    Raises:
        ConfigError: there is no such variant.
        UsageError: nothing to compare.
        VerifyError: a class would not be its own greatest.

    Example:
        >>> similarity(
        ...     Path("vectors.parquet"), [], ["train"], Path("similarity"),
        ...     variant="rnd_smpl", alpha=0.1, beta=0.5, seed=0,
        ... ).classes
        21
    """
    need_packages()
    from sign_etl.tasks import similarity as degrees
    from sign_etl.tasks.similarity_files import write_similarity

    vectors = _vectors(what, data, splits)
    classes = degrees.by_class(vectors)
    similar = degrees.similarity(classes, variant, beta=beta, seed=seed)
    targets = degrees.soft_targets(similar, alpha=alpha)
    degrees.check_targets(targets, variant)
    pairs = degrees.closest_pairs(similar, classes.labels)
    sums = targets.sum(axis=1)
    reply = Similarity(
        folder=str(out),
        variant=variant,
        alpha=alpha,
        beta=beta,
        seed=seed,
        classes=len(classes.labels),
        without_clips=classes.empty,
        row_sums=(float(sums.min()), float(sums.max())),
        closest=tuple(
            ClosePair(label=one, similar_to=other, similarity=degree)
            for one, other, degree in pairs
        ),
    )
    facts = {
        **reply.to_json(),
        "model": vectors.facts.model,
        "data": list(vectors.facts.data),
        "splits": sorted({str(split) for split in vectors.columns["split"]}),
        "clips": len(vectors),
    }
    del facts["folder"], facts["closest"]
    write_similarity(out, similar, targets, classes.labels, pairs, facts)
    return reply


def knn(queries: Path, gallery: Path, nears: Sequence[int]) -> Knn:
    """Find the classes of clips among their neighbours in a gallery.

    Args:
        queries: a table of vectors.
        gallery: another one of the same model, or the same.
        nears: how many neighbours to look at.

    Raises:
        UsageError: no table, or no class in common.
        VerifyError: they are of different models.

    Example:
        >>> knn(Path("test.parquet"), Path("train.parquet"), [1, 5]).metrics["knn5"]
        0.981
    """
    need_packages()
    from sign_etl.schema.vectors import read_vectors
    from sign_etl.tasks.zero_shot import zero_shot

    found = zero_shot(read_vectors(queries), read_vectors(gallery), sorted(set(nears)))
    return Knn(
        queries=found.queries,
        unknown=found.unknown,
        gallery=found.gallery,
        classes=found.classes,
        names=found.names,
        metrics=found.metrics,
    )


def _vectors(what: Path, data: Sequence[str], splits: Sequence[str]) -> Vectors:
    from sign_etl.schema.vectors import read_vectors

    if what.is_dir():
        from sign_etl.tasks.embedding import embed as embedded
        from sign_etl.tasks.trained import open_run

        if not data:
            raise UsageError("no build given", hint="a run needs --data BUILD")
        return embedded(open_run(what, data), splits or LEARNED).vectors
    vectors = read_vectors(what)
    there = {str(split) for split in vectors.columns["split"]}
    wanted = splits or ([*LEARNED] if there.issuperset(LEARNED) else sorted(there))
    if missing := sorted(set(wanted) - there):
        raise UsageError(f"the table has no split `{missing[0]}`", hint=f"it has {sorted(there)}")
    import numpy as np

    return vectors.take(np.isin([str(each) for each in vectors.columns["split"]], list(wanted)))
