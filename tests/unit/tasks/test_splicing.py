"""Made-up words: what is in them can be told by the numbers in their frames."""

from __future__ import annotations

import pytest
import torch

from sign_etl.core.errors import ConfigError
from sign_etl.models.base import MODELS, Keypoints
from sign_etl.stream.base import Batch
from sign_etl.tasks.base import TASKS, DataFacts
from sign_etl.tasks.metric import MetricTask
from sign_etl.tasks.splicing import EARLIEST, LATEST, joined, spliced, swapped

LENGTHS = [10, 20, 30, 10, 20, 20]
LABELS = [0, 0, 4, 4, 7, 7]


def clips() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A frame holds the class, and when it is: 1 to 2 from the first frame to the last."""
    values, mask = torch.zeros(6, 30, 1, 2), torch.zeros(6, 30, dtype=torch.bool)
    for row, (length, label) in enumerate(zip(LENGTHS, LABELS, strict=True)):
        values[row, :length, 0, 0] = label + 1
        values[row, :length, 0, 1] = torch.linspace(1, 2, length)
        mask[row, :length] = True
    return values, mask, torch.tensor(LABELS)


@pytest.mark.parametrize("seed", range(5))
def test_a_word_begins_as_one_and_ends_as_another(seed: int) -> None:
    torch.manual_seed(seed)
    values, mask, labels = spliced(clips())
    assert len(values) == 6
    parts: dict[int, set[tuple[float, float]]] = {}
    for clip, real, label in zip(values, mask, labels.tolist(), strict=True):
        length = int(real.sum())
        assert real[:length].all()
        assert not clip[~real].any()
        words, times = clip[:length, 0].unbind(-1)
        assert (times.diff() > 0).all()  # time goes on where the other word takes over
        assert times[0] == 1
        assert times[-1] == 2
        turn = float(times[words == words[0]][-1])
        assert EARLIEST - 0.1 <= turn - 1 <= LATEST + 0.1
        parts.setdefault(label, set()).add((float(words[0]), float(words[-1])))
    assert min(parts) > max(LABELS)
    pairs = [pair for found in parts.values() for pair in found]
    assert len(parts) == len(pairs) == 3  # all clips of a made-up class are of one pair
    assert {first for first, _ in pairs} == {last for _, last in pairs} == {1.0, 5.0, 8.0}
    assert all(first != last for first, last in pairs)


def test_of_one_class_nothing_can_be_made() -> None:
    values, mask, _ = clips()
    alone = values, mask, torch.zeros(6, dtype=torch.long)
    assert len(spliced(alone)[0]) == len(swapped(alone, [0])[0]) == 0


def test_a_hand_of_another_word_passes_at_the_speed_of_the_clip() -> None:
    torch.manual_seed(1)
    values, mask, labels = clips()
    values = torch.cat([values, values], dim=2)
    mixed, real, names = swapped((values, mask, labels), [1])
    assert len(mixed) == 6
    assert min(names.tolist()) > max(LABELS)
    for clip, there in zip(mixed, real, strict=True):
        own, theirs = clip[there].unbind(1)
        assert own[0, 0] != theirs[0, 0]
        assert len(set(own[:, 0].tolist())) == len(set(theirs[:, 0].tolist())) == 1
        assert (own[:, 1] - theirs[:, 1]).abs().max() < 0.2
        assert not clip[~there].any()


def test_without_a_hand_to_tell_them_apart_there_is_no_new_word() -> None:
    values, mask, labels = clips()
    nothing = torch.zeros_like(values)
    assert len(swapped((torch.cat([nothing, values], dim=2), mask, labels), [1])[0]) == 0
    assert len(swapped((torch.cat([values, nothing], dim=2), mask, labels), [1])[0]) == 0


def test_sets_of_different_lengths_are_joined() -> None:
    values, mask, labels = clips()
    short = values[:, :10], mask[:, :10], labels
    both = joined(short, (values, mask, labels))
    assert both[0].shape == (12, 30, 1, 2)
    assert both[1].sum(1).tolist() == [10] * 6 + LENGTHS
    assert not both[0][:6, 10:].any()


def test_made_up_words_take_part_in_the_loss_and_clips_are_counted_once() -> None:
    values, mask, labels = clips()
    texts = [""] * 6
    batch = Batch(
        step=0, slot=0, epoch=0, ids=torch.arange(6),
        views={"pose": torch.cat([values, values[..., :1]], -1)}, masks={"pose": mask},
        label_id=labels, weight=torch.tensor([1.0, 1, 1, 1, 1, 0]), text=texts, gloss=texts,
        language=texts, signer=texts, key=texts, build=texts, shard=texts,
    )  # fmt: skip
    facts = DataFacts(inputs=Keypoints(1, 2), labels=("a", "b"))
    plugin, model = TASKS.get("metric"), MODELS.get("spoter")
    seen: list[int] = []

    class Mean(torch.nn.Module):
        def forward(self, points: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            seen.append(len(points))
            return points.sum((1, 2)) / mask.sum(1)[:, None]

    for made_up in ((), ("time",), ("time", "time")):
        options = plugin.options({"made_up": made_up})
        task = plugin.open(options, model, model.options({}), facts)
        losses = task.step(Mean(), batch)
        assert losses.weight == 5
        assert torch.isfinite(losses.loss_sum)
    # Of 2, 2 and 1 real clips, two made-up words have one clip and the third has two.
    assert seen == [6, 5 + 4, 5 + 4 + 4]
    with pytest.raises(ConfigError, match="needs keypoints of hands"):
        plugin.open(plugin.options({"made_up": ("hands",)}), model, model.options({}), facts)
    hands = DataFacts(inputs=Keypoints(42, 2), labels=("a", "b"), layout="hands-42")
    task = plugin.open(plugin.options({"made_up": ("hands",)}), model, model.options({}), hands)
    assert isinstance(task, MetricTask)
    assert len(task.hand) == 21
