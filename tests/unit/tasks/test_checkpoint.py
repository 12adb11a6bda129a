"""Checkpoints are whole or do not count, whoever was killed and whoever wrote them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from sign_etl.core.errors import UsageError, VerifyError
from sign_etl.tasks import checkpoint as files


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / files.CONFIG).write_text("name: x\n")
    (tmp_path / files.BUILD).write_text("{}\n")
    return tmp_path


def write(run: Path, step: int, value: float = 0.0, **changes: Any) -> Path:
    values: dict[str, Any] = {
        "weights": {"a": torch.full((2, 3), value).T},
        "ema": None,
        "state": {"optimizer": {"x": torch.ones(2)}, "n": 3, "names": ["a"]},
        "cursor": {"step": step},
    }
    return files.write_checkpoint(run, step, **(values | changes))


def test_what_was_written_is_read(run: Path) -> None:
    folder = write(run, 12, 0.5)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [files.MODEL, files.STATE, files.CURSOR, files.CONFIG, files.BUILD, files.MARKER]
    )
    assert files.find_checkpoint(run) == files.find_checkpoint(folder) == folder
    torch.testing.assert_close(files.read_weights(folder)["a"], torch.full((3, 2), 0.5))
    state = files.read_state(folder)
    assert (state["n"], state["names"]) == (3, ["a"])
    assert files.read_json(folder / files.CURSOR) == {"step": 12}


def test_the_average_is_what_is_used(run: Path) -> None:
    folder = write(run, 1, 0.5, ema={"a": torch.zeros(1)})
    assert files.read_weights(folder)["a"].shape == (1,)
    assert files.read_weights(folder, ema=False)["a"].shape == (3, 2)


def test_t10_without_its_marker_it_does_not_count(run: Path) -> None:
    write(run, 1)
    (write(run, 2) / files.MARKER).unlink()
    assert files.find_checkpoint(run, last=True).name == "step-00000001"
    assert write(run, 2) in files.checkpoints(run)  # and it can be written again


def test_a_damaged_file_is_noticed(run: Path) -> None:
    folder = write(run, 1)
    data = bytearray((folder / files.MODEL).read_bytes())
    data[-1] ^= 1
    (folder / files.MODEL).write_bytes(data)
    with pytest.raises(VerifyError, match=r"model\.safetensors is damaged"):
        files.find_checkpoint(run)


def test_the_last_ones_and_the_best_one_stay(run: Path) -> None:
    for step in (1, 2, 3, 4, 5):
        folder = write(run, step)
        if step == 2:
            files.mark_best(run, folder, "top1", 0.5)
    (run / files.FOLDER / ".tmp-left").mkdir()
    (run / files.FOLDER / "step-00000009").mkdir()  # a leftover without marker
    files.clean(run, 2)
    names = sorted(path.name for path in (run / files.FOLDER).iterdir() if path.is_dir())
    assert names == ["step-00000002", "step-00000004", "step-00000005"]
    assert files.find_checkpoint(run).name == "step-00000002"
    assert files.find_checkpoint(run, last=True).name == "step-00000005"


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no checkpoint"):
        files.find_checkpoint(tmp_path)


def test_the_folder_of_a_chain_names_its_runs(tmp_path: Path) -> None:
    for stage in ("poses", "pictures"):
        (tmp_path / stage / files.FOLDER).mkdir(parents=True)
    with pytest.raises(UsageError, match="holds no checkpoint") as caught:
        files.find_checkpoint(tmp_path)
    assert f"{tmp_path / 'pictures'}, {tmp_path / 'poses'}" in (caught.value.hint or "")


def test_a_strange_state_runs_no_code(run: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (run / "ran",))

    folder = write(run, 1)
    torch.save({"optimizer": Evil()}, folder / files.STATE)
    with pytest.raises(pickle.UnpicklingError):
        files.read_state(folder)
    assert not (run / "ran").exists()


def test_metrics_of_steps_that_are_done_again_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    metrics = files.MetricsFile(path, 0)
    for step in (1, 2, 3):
        metrics.add({"kind": "train", "step": step, "metrics": {"loss": 1.0}})
    with path.open("ab") as file:
        file.write(b'{"kind":"train","step":4,"met')  # torn
    assert [record["step"] for record in files.read_records(path)] == [1, 2, 3]
    again = files.MetricsFile(path, 2)
    again.add({"kind": "val", "step": 2, "metrics": {}})
    assert [r["step"] for r in files.read_records(path)] == [1, 2, 2]


def test_tied_weights_are_written_once(tmp_path: Path) -> None:
    """The embeddings of a T5 stand in its state four times; on the disk they should not."""
    shared = torch.randn(1000, 16)
    weights = {"shared": shared, "head": shared, "other": torch.zeros(3), "copy": shared.clone()}
    for name in (files.CONFIG, files.BUILD):
        (tmp_path / name).write_text("{}")
    folder = files.write_checkpoint(tmp_path, 1, weights=weights, ema=None, state={}, cursor={})
    size_bytes = (folder / files.MODEL).stat().st_size
    assert 2 * shared.nbytes < size_bytes < 2.1 * shared.nbytes
    found = files.read_weights(folder)
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)
