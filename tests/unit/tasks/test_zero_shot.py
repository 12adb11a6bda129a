"""Names by neighbours, within one build and across builds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
from sign_etl.core.errors import UsageError, VerifyError
from sign_etl.schema.vectors import VectorFacts, Vectors, read_vectors, write_vectors
from sign_etl.tasks.zero_shot import zero_shot


def table(
    places: list[float], labels: list[str | None], *, build: str = "one", model: str = "m"
) -> Vectors:
    facts = VectorFacts(
        model=model, run="r", checkpoint="c", task="metric", output="embedding",
        layout="spoter-54", view={"name": "pose"}, labels=("A", "B", "C"),
        model_labels=("A", "B", "C"), data=(f"digest of {build}",), licences=("CC0-1.0",),
    )  # fmt: skip
    keys = [f"{build}-{number}" for number in range(len(places))]
    return Vectors(
        facts,
        np.array(places, np.float32)[:, None],
        {
            "key": keys,
            "split": ["train"] * len(places),
            "label": labels,
            "normal_label": [None if label is None else label.casefold() for label in labels],
            "signer": [None] * len(places),
            "build": [build] * len(places),
        },
    )


GALLERY = table([0.0, 1.0, 10.0, 11.0, 20.0], ["A", "A", "B", "B", "C"])


def test_another_build_is_compared_by_normal_label() -> None:
    queries = table([0.4, 10.4, 14.9, 50.0, 7.0], ["a", "b", "c", "d", None], build="two")
    found = zero_shot(queries, GALLERY, (1, 3))
    assert (found.names, found.queries, found.unknown) == ("normal_label", 3, 1)
    assert (found.classes, found.gallery) == (3, 5)
    # 0.4 -> A, A, B; 10.4 -> B, B, A (9.4 away); 14.9 -> B, B, C by distances 3.9, 4.9, 5.1
    assert found.metrics == {
        "knn1": pytest.approx(2 / 3),
        "knn3": pytest.approx(2 / 3),
        "top3": 1.0,
        "top3_classes": 1.0,
        "centroid1": pytest.approx(2 / 3),
        "centroid3": 1.0,
    }


def test_within_a_build_no_clip_finds_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    found = zero_shot(GALLERY, GALLERY, (1,))
    # C is alone: its nearest other clip is a B.
    assert found.names == "label"
    assert found.metrics["knn1"] == pytest.approx(4 / 5)
    monkeypatch.setattr("sign_etl.tasks.zero_shot.CHUNK_CELLS", 10)  # two queries at a time
    assert zero_shot(GALLERY, GALLERY, (1, 5)).metrics == pytest.approx(
        {**zero_shot(GALLERY, GALLERY, (1, 5)).metrics, **found.metrics}
    )


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(VerifyError, match="different models"):
        zero_shot(table([0.0], ["A"], model="other"), GALLERY)
    with pytest.raises(UsageError, match="no query has a class"):
        zero_shot(table([0.0], ["z"], build="two"), GALLERY)


def test_a_table_comes_back_from_the_disk(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_vectors(tmp_path / f"{name}.parquet", GALLERY)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    back = read_vectors(tmp_path / "a.parquet")
    assert back.facts == GALLERY.facts
    np.testing.assert_array_equal(back.vector, GALLERY.vector)
    assert dict(back.columns) == dict(GALLERY.columns)
    (tmp_path / "none.parquet").write_bytes(b"PAR1")
    for name in ("none", "missing"):
        with pytest.raises(UsageError):
            read_vectors(tmp_path / f"{name}.parquet")
