"""Triplets, hard groups and neighbours against what can be counted by hand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import nn

from sign_etl.models.base import MODELS, Keypoints
from sign_etl.stream.base import Batch
from sign_etl.tasks.base import TASKS, DataFacts
from sign_etl.tasks.grouping import hard_groups, rearranged
from sign_etl.tasks.metric import EASY, all_triplets, hard_triplets, reduced
from sign_etl.tasks.neighbours import neighbour_metrics, silhouette


def by_hand(points: np.ndarray, labels: list[int], margin: float) -> list[float]:
    found = []
    for a, p, n in product(range(len(labels)), repeat=3):
        if a != p and labels[a] == labels[p] and labels[a] != labels[n]:
            near = float(np.linalg.norm(points[a] - points[p]))
            far = float(np.linalg.norm(points[a] - points[n]))
            found.append(max(0.0, near - far + margin))
    return found


def test_all_triplets_are_those_of_the_definition() -> None:
    points = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    labels = [0, 0, 0, 1, 1, 2, 2]
    wanted = by_hand(points, labels, 1.0)
    found = all_triplets(torch.from_numpy(points), torch.tensor(labels), 1.0)
    assert len(found) == len(wanted) == 6 * 4 + 2 * 5 + 2 * 5
    np.testing.assert_allclose(sorted(found.tolist()), sorted(wanted), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("hard", "clips", "factor"), [(2, 12, 0.5), (1, 12, 0.25), (9, 12, 1.0)])
def test_few_triplets_weigh_less(hard: int, clips: int, factor: float) -> None:
    losses = torch.tensor([0.0] * 5 + [0.4] * hard + [EASY / 2])
    assert float(reduced(losses, clips, filter_easy=True)) == pytest.approx(0.4 * factor)
    mean = 0.4 * hard / (hard + 6)
    assert float(reduced(losses, clips, filter_easy=False)) == pytest.approx(mean, abs=1e-6)


def test_no_triplet_gives_no_loss_but_a_gradient() -> None:
    embedded = torch.randn(4, 3, requires_grad=True)
    losses = all_triplets(embedded, torch.tensor([1, 1, 1, 1]), 1.0)
    assert len(losses) == 0
    assert float(reduced(losses, 4, filter_easy=True)) == 0.0


def test_hard_triplets_take_the_farthest_friend_and_the_nearest_stranger() -> None:
    line = torch.tensor([[0.0], [1.0], [5.0], [6.0], [9.0]])
    labels = torch.tensor([0, 0, 0, 1, 1])
    # anchors 0, 1, 2 (friends 5, 4, 5 away; strangers 6, 5, 1) and 6, 9 (friends 3; 1, 4)
    wanted = [0.0, 0.0, 5.0, 3.0, 0.0]
    assert sorted(hard_triplets(line, labels, 1.0).tolist()) == sorted(wanted)


def test_hard_groups_hold_everybody_once() -> None:
    rng = np.random.default_rng(1)
    points, labels = rng.normal(size=(30, 4)), rng.integers(0, 5, 30)
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    groups = hard_groups(distances, labels, [12, 12, 6])
    assert [len(group) for group in groups] == [12, 12, 6]
    assert sorted(item for group in groups for item in group) == list(range(30))


def test_what_is_confused_meets() -> None:
    # Two pairs of classes lie on each other, far from the rest: they are each other's hard ones.
    centres = np.array([[0, 0], [0, 0.1], [50, 0], [50, 0.1]])
    labels = np.tile(np.arange(4), 4)
    points = centres[labels] + np.random.default_rng(2).normal(scale=0.01, size=(16, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    groups = hard_groups(distances, labels, [8, 8], same_label_factor=0.1)
    assert {frozenset(labels[group].tolist()) for group in groups} == {
        frozenset({0, 1}),
        frozenset({2, 3}),
    }


def test_neighbours_by_hand() -> None:
    gallery = np.array([[0.0], [1.0], [2.0], [10.0], [11.0], [12.0], [30.0]])
    gallery_labels = np.array([0, 0, 1, 1, 1, 2, 3])
    queries, labels = np.array([[0.4], [1.9], [29.0], [4.9]]), np.array([0, 0, 3, 0])
    found = neighbour_metrics(queries, labels, gallery, gallery_labels)
    assert found["knn1"] == 0.5  # 0.4 finds 0; 1.9 finds 1; 29 finds 3; 4.9 finds 2.0, class 1
    # 0.4 and 1.9: 0 0 1 1 1 -> 1; 29: 3 2 1 1 1 -> 1; 4.9: 1 0 0 1 1 -> 1
    assert found["knn5"] == 0.0
    assert found["top5"] == 1.0
    assert found["top5_classes"] == 1.0
    # Means 0.5, 7.67, 12, 30: nearest to 0.4 and 1.9 the first, to 29 the last, to 4.9 the second.
    assert found["centroid1"] == 0.75


def test_a_clip_is_not_its_own_neighbour() -> None:
    points, labels = np.array([[0.0], [1.0], [9.0]]), np.array([0, 1, 1])
    same = np.eye(3, dtype=bool)
    assert neighbour_metrics(points, labels, points, labels)["knn1"] == 1.0
    assert neighbour_metrics(points, labels, points, labels, same=same)["knn1"] == pytest.approx(
        1 / 3
    )


def test_silhouette_is_defined_where_it_can_be() -> None:
    assert silhouette(np.array([[0.0], [0.1], [9.0], [9.1]]), np.array([0, 0, 1, 1])) > 0.9
    assert silhouette(np.zeros((3, 2)), np.array([1, 1, 1])) == 0.0


def batches() -> list[Batch]:
    """Two micro-batches of different lengths; a clip's points are its number."""
    made = []
    for slot, (numbers, frames) in enumerate((([0, 1, 2], 4), ([3, 4], 6))):
        points = torch.tensor(numbers, dtype=torch.float32)[:, None, None, None]
        texts = [str(number) for number in numbers]
        made.append(
            Batch(
                step=0, slot=slot, epoch=1, ids=torch.tensor(numbers),
                views={"pose": points.expand(-1, frames, 2, 3).clone()},
                masks={"pose": torch.ones(len(numbers), frames, dtype=torch.bool)},
                label_id=torch.tensor(numbers) % 2, weight=torch.ones(len(numbers)), text=texts,
                gloss=texts, language=texts, signer=texts, key=texts, build=texts, shard=texts,
            )
        )  # fmt: skip
    return made


def test_clips_change_places_whole() -> None:
    first, second = rearranged(batches(), [[4, 0, 3], [2, 1]])
    assert (first.slot, second.slot) == (0, 1)
    assert first.key == ["4", "0", "3"]
    assert first.ids.tolist() == [4, 0, 3]
    assert first.label_id.tolist() == [0, 0, 1]
    assert first.masks["pose"].sum(1).tolist() == [6, 4, 6]
    assert first.views["pose"][:, :, 0, 0].amax(1).tolist() == [4, 0, 3]
    assert second.views["pose"].shape == (2, 6, 2, 3)
    assert not second.views["pose"][:, 4:].any()


def test_grouping_begins_when_it_is_told_to() -> None:
    class Mean(nn.Module):
        def forward(self, points: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return points.mean((1, 2))[:, :1]

    facts = DataFacts(inputs=Keypoints(2, 2), layout="hands-42", labels=("a", "b"))
    plugin, model = TASKS.get("metric"), MODELS.get("spoter")
    given = batches()
    for start, changed in ((None, False), (2, False), (1, True)):
        task = plugin.open(
            plugin.options({"group_from_epoch": start, "group_threshold": 0.0}),
            model,
            model.options({}),
            facts,
        )
        done = task.regroup(Mean(), given)
        assert [len(batch) for batch in done] == [3, 2]
        assert ([b.key for b in done] != [b.key for b in given]) is changed
        assert sorted(key for b in done for key in b.key) == list("01234")
