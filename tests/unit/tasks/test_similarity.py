"""The degree of sign similarity, against cases computed by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
from sign_etl.core.errors import ConfigError, UsageError, VerifyError
from sign_etl.tasks.heat_map import arranged, draw_heat_map
from sign_etl.tasks.similarity import (
    Classes,
    check_targets,
    closest_pairs,
    mean_distances,
    similarity,
    soft_targets,
    softmax_of_distances,
)


def classes(*members: list[list[float]]) -> Classes:
    arrays = tuple(np.array(each, np.float64).reshape(-1, 2) for each in members)
    return Classes(tuple("abcdefgh"[: len(members)]), arrays)


# Two clips of a on a line, one clip of b and c: d_ab = (3 + 5) / 2, d_ac = (4 + sqrt 20) / 2.
LINE = classes([[0, 0], [2, 0]], [[-3, 0]], [[0, 4]])


def test_mean_distances_by_hand() -> None:
    found = mean_distances(LINE)
    to_b, to_c, between = 4.0, (4 + np.sqrt(20)) / 2, 5.0
    wanted = [[np.nan, to_b, to_c], [to_b, np.nan, between], [to_c, between, np.nan]]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_rnd_smpl_by_hand() -> None:
    found = similarity(LINE, "rnd_smpl", beta=0.5)
    to_b, to_c = np.exp(-0.5 * 4.0), np.exp(-0.5 * (4 + np.sqrt(20)) / 2)
    between = np.exp(-0.5 * 5.0)
    wanted = [
        [0, to_b / (to_b + to_c), to_c / (to_b + to_c)],
        [to_b / (to_b + between), 0, between / (to_b + between)],
        [to_c / (to_c + between), between / (to_c + between), 0],
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert not np.allclose(found, found.T)
    targets = soft_targets(found, alpha=0.1)
    np.testing.assert_allclose(targets.diagonal(), 0.9)
    np.testing.assert_allclose(targets[0, 1], 0.1 * wanted[0][1])
    np.testing.assert_allclose(targets.sum(axis=1), 1.0)
    check_targets(targets, "rnd_smpl")


def test_mean_embeds_by_hand() -> None:
    found = similarity(classes([[1, 0], [3, 0]], [[1, 1]], [[0, -2]]), "mean_embeds")
    half = np.sqrt(0.5)
    np.testing.assert_allclose(found, [[0, half, 0], [half, 0, -half], [0, -half, 0]], atol=1e-12)
    targets = soft_targets(found)
    check_targets(targets, "mean_embeds")
    # As published: its rows sum to anything.
    np.testing.assert_allclose(targets.sum(axis=1), [0.9 + 0.1 * half, 0.9, 0.9 - 0.1 * half])
    assert closest_pairs(found, "abc")[0] == ("a", "b", pytest.approx(half))
    assert len(closest_pairs(found, "abc")) == 3


def test_another_variant_is_refused() -> None:
    with pytest.raises(ConfigError, match="no variant `mean_embed`") as caught:
        similarity(LINE, "mean_embed")  # type: ignore[arg-type]
    assert caught.value.hint == "did you mean `mean_embeds`?"


def test_far_classes_do_not_vanish() -> None:
    far = np.array([[np.nan, 4000.0, 4002.0], [4000.0, np.nan, 1.0], [4002.0, 1.0, np.nan]])
    shares = softmax_of_distances(far, 0.5)
    np.testing.assert_allclose(shares[0], [0, 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))])


def test_a_class_without_clips_keeps_its_hard_target() -> None:
    some = classes([[0, 0]], [], [[1, 0]])
    assert some.empty == ("b",)
    for variant in ("rnd_smpl", "mean_embeds"):
        targets = soft_targets(similarity(some, variant))
        np.testing.assert_array_equal(targets[1], [0, 1, 0])
        assert targets[0, 1] == targets[2, 1] == 0
    check_targets(soft_targets(similarity(some, "rnd_smpl")), "rnd_smpl")


def test_draws_are_ten_of_each_and_seeded() -> None:
    draw = np.random.default_rng(0)
    many = classes(draw.normal(size=(40, 2)).tolist(), draw.normal(size=(25, 2)).tolist(), [[3, 3]])
    first, again, other = (mean_distances(many, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert first[0, 1] != other[0, 1]
    # All of them count where there are at most as many; no class but the large ones is drawn from.
    whole = mean_distances(many, drawn=40)
    members = many.members
    exact = np.linalg.norm(members[0][:, None] - members[1][None], axis=2).mean()
    np.testing.assert_allclose(whole[0, 1], exact)
    assert abs(first[0, 1] - exact) < 0.5
    # The mean of 10 of 40 distances is the mean of some 10 of them.
    alone = np.linalg.norm(members[0] - members[2], axis=1)
    assert np.sort(alone)[:10].mean() <= first[0, 2] <= np.sort(alone)[-10:].mean()


def test_targets_that_teach_something_else_are_refused() -> None:
    similar = similarity(LINE, "rnd_smpl")
    with pytest.raises(VerifyError, match="another class is as great"):
        check_targets(soft_targets(similar, alpha=0.7), "rnd_smpl")
    with pytest.raises(VerifyError, match=r"sums to 0\.95"):
        check_targets(soft_targets(similar) - 0.05 * np.eye(3), "rnd_smpl")
    check_targets(soft_targets(similar) - 0.05 * np.eye(3), "mean_embeds")


def test_a_single_class_is_refused() -> None:
    from sign_etl.schema.vectors import VectorFacts, Vectors
    from sign_etl.tasks.similarity import by_class

    facts = VectorFacts(
        model="0", run="r", checkpoint="c", task="metric", output="embedding", layout="spoter-54",
        view={}, labels=("a", "b"), model_labels=("a", "b"), data=("d",), licences=(),
    )  # fmt: skip
    with pytest.raises(UsageError, match="two classes"):
        by_class(Vectors(facts, np.zeros((2, 2), np.float32), {"label": ["a", None]}))


@pytest.mark.parametrize("count", [2, 20, 300])
def test_heat_map_has_room_for_every_label(tmp_path: Path, count: int) -> None:
    draw = np.random.default_rng(0)
    places = draw.normal(size=(count, 3))
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    similar = softmax_of_distances(np.where(np.eye(count) > 0, np.nan, distances), 0.5)
    labels = [f"{('書く', 'спасибо', 'thank you', 'شكرا')[n % 4]} {n}" for n in range(count)]
    draw_heat_map(similar, labels, tmp_path / "map.png")
    with Image.open(tmp_path / "map.png") as picture:
        assert min(picture.size) >= 11 * count
        assert max(picture.size) < 12 * count + 600


def test_similar_classes_stand_beside_each_other() -> None:
    similar = np.full((6, 6), 0.1)
    for one, other in ((0, 3), (1, 4), (2, 5)):
        similar[one, other] = similar[other, one] = 0.9
    order = arranged(similar).tolist()
    assert {frozenset(order[at : at + 2]) for at in (0, 2, 4)} == {
        frozenset((0, 3)), frozenset((1, 4)), frozenset((2, 5)),
    }  # fmt: skip
