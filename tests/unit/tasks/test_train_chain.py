"""Chains: which builds and settings each stage gets, weights handed on, resume, refusals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sign_etl.app.train import chain_names, chains, find_recipe
from sign_etl.app.train_chain import train_chain
from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.schema.document import DocumentError, read_document
from sign_etl.schema.training_chain import parse_chain

CHAIN = """
schema: sign-etl/training-chain/1
name: two
stages:
  - {name: first, recipe: one, data: large}
  - {name: second, recipe: other, data: small}
"""


class Trainer:
    """Notes what it is asked for; leaves a card, and ends with `code` at the run `fails`."""

    def __init__(self, fails: str = "", code: int = 0) -> None:
        self.asked: list[tuple[str, list[str], str, list[str]]] = []
        self.fails, self.code = fails, code

    def __call__(
        self, recipe: Path, data: Sequence[str], run: Path, settings: Sequence[str]
    ) -> int:
        self.asked.append((recipe.name, list(data), run.name, list(settings)))
        if run.name == self.fails:
            return self.code
        run.mkdir(parents=True)
        (run / "README.md").write_text("done")
        return 0


@pytest.fixture
def chain(tmp_path: Path) -> Path:
    for name in ("one", "other"):
        (tmp_path / f"{name}.yaml").write_text("")
    path = tmp_path / "two.yaml"
    path.write_text(CHAIN)
    return path


def test_each_stage_gets_its_own_and_begins_with_the_last(chain: Path, tmp_path: Path) -> None:
    trainer, out = Trainer(), tmp_path / "out"
    data = ["large=builds/a", "small=builds/b", "builds/c=d"]
    settings = ["epochs=3", "second.epochs=1", "first.optimizer.lr=0.1"]
    ended = train_chain(chain, data, out, settings, resume=False, train_one=trainer)
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
    ended = train_chain(chain, ["b"], out, [], resume=False, train_one=stopped)
    assert ended == (out / "second", 75)
    again = Trainer()
    assert train_chain(chain, ["b"], out, [], resume=True, train_one=again)[1] == 0
    assert [run for _, _, run, _ in again.asked] == ["second"]
    assert again.asked[0][3] == [f"init.run={out / 'first'}"]


def test_what_is_wrong_is_told_before_anything_runs(chain: Path, tmp_path: Path) -> None:
    trainer = Trainer()
    with pytest.raises(UsageError, match="no build for the stage `second`") as caught:
        train_chain(chain, ["large=a"], tmp_path, [], resume=False, train_one=trainer)
    assert "--data small=BUILD" in (caught.value.hint or "")
    (tmp_path / "other.yaml").unlink()
    with pytest.raises(UsageError, match="no recipe `other`"):
        train_chain(chain, ["a"], tmp_path, [], resume=False, train_one=trainer)
    chain.write_text(CHAIN.replace("name: second", "name: first"))
    with pytest.raises(DocumentError, match="same name"):
        train_chain(chain, ["a"], tmp_path, [], resume=False, train_one=trainer)
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
