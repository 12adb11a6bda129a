"""What a recipe can ask of the loader, and runs that an older version began."""

from __future__ import annotations

import io
import tarfile
from importlib.util import find_spec
from pathlib import Path

import fsspec
import numpy as np
import pytest
from pose_build import write_pose_build

pytest.importorskip("accelerate")
from sign_etl.cli import main as cli
from sign_etl.core.errors import AccessError, ConfigError, SignEtlError, VerifyError
from sign_etl.schema.training import TrainConfig
from sign_etl.tasks.devices import make_accelerator
from sign_etl.tasks.run_folder import claim_run
from sign_etl.tasks.setup import load_recipe, open_data, open_training

RECIPE = """
schema: sign-etl/training/1
name: tiny
task: {name: islr}
model: {name: spoter, encoder_layers: 1, decoder_layers: 1, feedforward: 8}
data:
  view: {name: pose, layout: spoter-54}
batch: {samples: 4}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe, and two builds of 24 and 4 clips to learn from."""
    folder = tmp_path_factory.mktemp("setup")
    (folder / "tiny.yaml").write_text(RECIPE)
    for name, clips in (("large", 48), ("small", 8)):
        write_pose_build(folder / name, [5] * clips, name=name, splits=("train", "val"))
    return folder


def config(folder: Path, *settings: str) -> TrainConfig:
    return load_recipe(folder / "tiny.yaml", settings)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ((), [24, 4]),
        (("batch.temperature=2",), [20, 8]),
        (("batch.temperature=1e6", "batch.epoch_samples=40"), [20, 20]),
    ],
    ids=["as-they-are", "by-temperature", "equal"],
)
def test_a_recipe_mixes_builds(folder: Path, settings: tuple[str, ...], wanted: list[int]) -> None:
    builds = [str(folder / "large"), str(folder / "small")]
    train = open_training(config(folder, *settings), builds, folder / "run").train
    assert np.bincount(train.index.source[train.plan(0).ids]).tolist() == wanted


def test_tars_of_others_are_learned_from(folder: Path, tmp_path: Path) -> None:
    for split in ("train", "val"):
        with tarfile.open(tmp_path / f"set-{split}-0.tar", "w") as tar:
            for number in range(8):
                points = io.BytesIO()
                np.save(points, np.ones((5, 54, 3), np.float32))
                for ext, data in (("npy", points.getvalue()), ("cls", b"%d" % (number % 2))):
                    entry = tarfile.TarInfo(f"{split}{number}.{ext}")
                    entry.size = len(data)
                    tar.addfile(entry, io.BytesIO(data))
    assert cli.run(["index", str(tmp_path), "--quiet"]) == 0
    with pytest.raises(ConfigError, match="layout of foreign keypoints is not known"):
        open_training(config(folder), [str(tmp_path)], folder / "run")
    told = config(folder, "data.view.source_layout=spoter-54")
    opened = open_training(told, [str(tmp_path)], folder / "run")
    assert (opened.task.facts.layout, opened.task.outputs) == ("spoter-54", 2)
    with opened.train.loader() as loader:
        batch = next(iter(next(loader.epoch(0))))
    assert opened.task.step(opened.task.build(), batch).weight == 4


def test_every_setting_of_a_batch_reaches_the_plan(folder: Path) -> None:
    asked = ("batch.window_shards=3", "batch.quadratic=100", "batch.frames=900")
    train = open_training(config(folder, *asked), [str(folder / "large")], folder / "run").train
    batching = train.batching
    assert (batching.window_shards, batching.quadratic, batching.frames) == (3, 100, 900)


def test_the_cache_has_the_limit_of_the_recipe(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGN_ETL_CACHE", str(tmp_path))
    files = fsspec.filesystem("memory")
    for path in (folder / "small").rglob("*"):
        if path.is_file():
            at = path.relative_to(folder).as_posix()
            files.pipe_file(f"/setup/{at}", path.read_bytes())
    where = ["memory://setup/small"]
    limited = open_data(config(folder, "data.cache_gb=0.5"), where)
    assert limited.sources[0].cache_bytes == 500_000_000
    assert open_data(config(folder), where).sources[0].cache_bytes is None


def test_a_tracker_that_is_not_there_wants_a_person(folder: Path, tmp_path: Path) -> None:
    for name in ("wandb", "mlflow", "clearml"):
        if find_spec(name) is None:
            with pytest.raises(SignEtlError, match=f"the tracker `{name}`") as caught:
                make_accelerator(config(folder, f"trackers=[{name}]"), tmp_path)
            assert caught.value.exit_code == 3
            assert caught.value.hint in (f"pip install {name}", f"pip install 'sign-etl[{name}]'")


def test_a_tracker_that_cannot_begin_is_told(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("no folder")
    with pytest.raises(AccessError, match=r"`tensorboard` cannot begin: \w+Error: ") as caught:
        make_accelerator(config(folder), tmp_path)
    assert "leave it out of `trackers`" in str(caught.value.hint)


def test_runs_of_one_process_have_their_own_precision(folder: Path, tmp_path: Path) -> None:
    for precision, expected in (("bf16", "bf16"), ("fp32", "no"), ("bf16", "bf16")):
        settings = config(folder, f"precision={precision}", "trackers=[]")
        made = make_accelerator(settings, tmp_path / precision)
        assert made.mixed_precision == expected
    make_accelerator(config(folder, "precision=fp32", "trackers=[]"), tmp_path)


def test_a_run_goes_on_under_a_version_with_more_settings(folder: Path, tmp_path: Path) -> None:
    facts = {"dataset_hash": "aa"}
    claim_run(config(folder), facts, tmp_path, resume=False)
    path = tmp_path / "config.yaml"
    lines = path.read_text().splitlines(keepends=True)
    older = [line for line in lines if "temperature" not in line and "cache_gb" not in line]
    assert len(older) == len(lines) - 2
    path.write_text("".join(older))
    claim_run(config(folder), facts, tmp_path, resume=True)
    for other in (config(folder, "batch.temperature=2"), config(folder, "epochs=3")):
        with pytest.raises(VerifyError, match="begun with other settings"):
            claim_run(other, facts, tmp_path, resume=True)
    path.write_text("".join([*older, "gone: 1\n"]))
    with pytest.raises(VerifyError, match="begun with other settings"):
        claim_run(config(folder), facts, tmp_path, resume=True)
