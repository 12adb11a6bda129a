"""Recipes of trainings: what is refused, with which hint."""

from __future__ import annotations

import pytest

from sign_etl.schema.document import DocumentError, read_document, with_settings
from sign_etl.schema.training import TrainConfig, parse_training

TEXT = """
name: mine
task: {name: islr}
model: {name: spoter}
data:
  view: {name: pose, layout: spoter-54}
"""


def parsed(*settings: str) -> TrainConfig:
    return parse_training(with_settings(read_document(TEXT, origin="mine.yaml"), settings))


def test_the_defaults_are_whole() -> None:
    config = parsed("optimizer.lr=3e-4", "task.label_smoothing=0.1")
    assert config.optimizer.lr == 3e-4
    assert config.task.options == {"label_smoothing": 0.1}
    assert TrainConfig.model_validate(config.model_dump(by_alias=True)) == config


@pytest.mark.parametrize(
    ("setting", "message", "hint"),
    [
        ("optimizer.lrr=1", "`optimizer.lrr` is not a setting", "did you mean `lr`? The recipes"),
        ("epoch=3", "`epoch` is not a setting", "did you mean `epochs`?"),
        ("data.select=test", "the test split must not choose the model", "recipes"),
        ("data.select=test-b", "the test split must not choose the model", "recipes"),
        ("data.train=[train, test]", "the test split must not be learned from", "recipes"),
        ("data.select=train", "`train` is learned from", "recipes"),
        ("optimizer.lr=0", "`optimizer.lr` must be more than 0", "recipes"),
        ("batch.samples=true", "`batch.samples` must be a whole number", "recipes"),
        ("optimizer.schedule=cosin", "must be `cosine`", "did you mean `cosine`?"),
        ("init={run: a, published: b}", "`run` and `published` exclude each other", "recipes"),
        ("batch={classes: 4, temperature: 2}", "`classes` does not go with", "recipes"),
        ("trackers=[tensorbord]", "must be `tensorboard`", "did you mean `tensorboard`?"),
    ],
)
def test_what_is_wrong_is_told(setting: str, message: str, hint: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parsed(setting)
    assert message in caught.value.problems[0].message
    assert hint in str(caught.value.problems[0].hint)


def test_an_average_of_parts_is_refused() -> None:
    with pytest.raises(DocumentError, match="does not go with"):
        parsed("ema=0.9", "parallel=fsdp")
    with pytest.raises(DocumentError, match="`compile` does not go with"):
        parsed("compile=true", "parallel=fsdp")
