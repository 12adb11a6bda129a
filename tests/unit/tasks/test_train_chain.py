"""Chains: which builds and settings each stage gets, weights handed on, resume, refusals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from sign_etl.app.train import chain_names, chains, find_recipe
from sign_etl.app.train_chain import train_chain
from sign_etl.core.errors import ConfigError, UsageError, VerifyError
from sign_etl.schema.document import DocumentError, read_document, with_settings
from sign_etl.schema.training import TrainConfig, parse_training
from sign_etl.schema.training_chain import FINISHED, parse_chain

CHAIN = """
schema: sign-etl/training-chain/1
name: two
stages:
  - {name: first, recipe: one, data: large}
  - {name: second, recipe: other, data: small}
"""
RECIPE = """
schema: sign-etl/training/1
name: any
task: {name: islr}
model: {name: spoter}
data: {view: {name: pose}}
"""


def check(recipe: Path, data: Sequence[str], run: Path, settings: Sequence[str]) -> TrainConfig:
    return parse_training(with_settings(read_document(recipe), settings))


class Trainer:
    """Notes what it is asked for; leaves a card, and ends with `code` at the run `fails`."""

    def __init__(self, fails: str = "", code: int = 0) -> None:
        self.asked: list[tuple[str, list[str], str, list[str]]] = []
        self.fails, self.code = fails, code

    def __call__(
        self, recipe: Path, data: Sequence[str], run: Path, settings: Sequence[str]
    ) -> int:
        self.asked.append((recipe.name, list(data), run.name, list(settings)))
        step = run / "checkpoints" / "step-1"
        step.mkdir(parents=True, exist_ok=True)
        (step / "COMMITTED").write_text("")
        config = check(recipe, data, run, settings).model_dump(mode="json", by_alias=True)
        (run / "config.yaml").write_text(yaml.safe_dump(config))
        if run.name == self.fails:
            return self.code
        (run / FINISHED).write_text("done")
        return 0


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    for name in ("one", "other"):
        (tmp_path / f"{name}.yaml").write_text(RECIPE)
    path = tmp_path / "two.yaml"
    path.write_text(CHAIN)
    return path


def test_each_stage_gets_its_own_and_begins_with_the_last(chain: Path, tmp_path: Path) -> None:
    trainer, out = Trainer(), tmp_path / "out"
    data = ["large=builds/a", "small=builds/b", "builds/c=d"]
    settings = ["epochs=3", "second.epochs=1", "first.optimizer.lr=0.1"]
    ended = train_chain(chain, data, out, settings, resume=False, check=check, train_one=trainer)
    assert ended == (out / "second", 0)
    assert trainer.asked == [
        ("one.yaml", ["builds/a", "builds/c=d"], "first", ["epochs=3", "optimizer.lr=0.1"]),
        (
            "other.yaml",
            ["builds/b", "builds/c=d"],
            "second",
            [f"init.run={out / 'first'}", "epochs=3", "epochs=1"],
        ),
    ]


def test_a_stopped_chain_goes_on_where_it_was(chain: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stopped = Trainer(fails="second", code=75)
    ended = train_chain(chain, ["b"], out, [], resume=False, check=check, train_one=stopped)
    assert ended == (out / "second", 75)
    again = Trainer()
    assert train_chain(chain, ["b"], out, [], resume=True, check=check, train_one=again)[1] == 0
    assert [run for _, _, run, _ in again.asked] == ["second"]
    assert again.asked[0][3] == [f"init.run={out / 'first'}"]


def test_a_stage_that_is_done_keeps_its_settings(chain: Path, tmp_path: Path) -> None:
    """What is asked for must be what lies there: nothing is passed over in silence."""
    out, stopped, again = tmp_path / "out", Trainer(fails="second", code=75), Trainer()
    train_chain(chain, ["b"], out, ["seed=1"], resume=False, check=check, train_one=stopped)
    for settings in (["seed=1", "first.epochs=3"], ["seed=2"], []):
        with pytest.raises(VerifyError, match="`first` is done, with other settings") as caught:
            train_chain(chain, ["b"], out, settings, resume=True, check=check, train_one=again)
        assert str(out / "first" / "config.yaml") in (caught.value.hint or "")
    assert not again.asked
    # A later version may describe its recipes in other words.
    (tmp_path / "one.yaml").write_text(f"{RECIPE}description: in other words\npublished: none\n")
    train_chain(chain, ["b"], out, ["seed=1"], resume=True, check=check, train_one=again)
    assert [run for _, _, run, _ in again.asked] == ["second"]


def test_a_chain_goes_on_where_its_folder_was_moved(chain: Path, tmp_path: Path) -> None:
    """The second stage has its weights; where the first one lay does not matter any more."""
    out, moved, again = tmp_path / "out", tmp_path / "moved", Trainer()
    stopped = Trainer(fails="second", code=75)
    train_chain(chain, ["b"], out, [], resume=False, check=check, train_one=stopped)
    out.rename(moved)
    ended = train_chain(chain, ["b"], moved, [], resume=True, check=check, train_one=again)
    assert ended == (moved / "second", 0)
    assert again.asked[0][3] == stopped.asked[1][3]


def test_a_wrong_setting_of_the_last_stage_is_told_first(chain: Path, tmp_path: Path) -> None:
    trainer = Trainer()

    def start(setting: str) -> None:
        train_chain(chain, ["b"], tmp_path, [setting], resume=False, check=check, train_one=trainer)

    with pytest.raises(DocumentError, match="epoch"):
        start("second.epoch=2")
    with pytest.raises(UsageError, match="`third` is no stage") as caught:
        start("third.epochs=2")
    assert "first, second" in (caught.value.hint or "")
    assert not trainer.asked


def test_what_is_wrong_is_told_before_anything_runs(chain: Path, tmp_path: Path) -> None:
    trainer = Trainer()
    with pytest.raises(UsageError, match="no build for the stage `second`") as caught:
        train_chain(chain, ["large=a"], tmp_path, [], resume=False, check=check, train_one=trainer)
    assert "--data small=BUILD" in (caught.value.hint or "")
    (tmp_path / "other.yaml").unlink()
    with pytest.raises(UsageError, match="no recipe `other`"):
        train_chain(chain, ["a"], tmp_path, [], resume=False, check=check, train_one=trainer)
    chain.write_text(CHAIN.replace("name: second", "name: first"))
    with pytest.raises(DocumentError, match="same name"):
        train_chain(chain, ["a"], tmp_path, [], resume=False, check=check, train_one=trainer)
    assert not trainer.asked


@pytest.mark.parametrize("name", chain_names())
def test_a_bundled_chain_is_whole(name: str) -> None:
    path = find_recipe(name)
    found = parse_chain(read_document(path))
    assert found.description
    assert found.build
    assert all((path.parent / f"{stage.recipe}.yaml").is_file() for stage in found.stages)
    assert f"sign-etl train {name} --data" in path.read_text(encoding="utf-8")
    part = next(part for part in chains() if part.name == name)
    assert part.stages == tuple(stage.recipe for stage in found.stages)


def test_there_is_one_for_unisign() -> None:
    assert "unisign/run" in chain_names()
    with pytest.raises(ConfigError, match="unknown training recipe"):
        find_recipe("unisign/runs")
