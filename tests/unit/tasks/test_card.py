"""The model card of a run that nobody has trained: what a reader of the folder alone must find."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pose_build import write_pose_build

from sign_etl.core.content import load_program

pytest.importorskip("accelerate")
from trained_runs import write_run

from sign_etl.core.canonical import sha256_file
from sign_etl.core.errors import UsageError
from sign_etl.reader.manifest import read_manifest
from sign_etl.schema.document import read_document
from sign_etl.schema.document_text import to_yaml
from sign_etl.schema.training import parse_training
from sign_etl.schema.training_chain import FINISHED
from sign_etl.shard.compare import tree_digest
from sign_etl.stream.index import open_index
from sign_etl.tasks import checkpoint as files
from sign_etl.tasks.card import write_card
from sign_etl.tasks.metric_words import shown, words_of
from sign_etl.tasks.provenance import options_facts, split_facts, weights_facts
from sign_etl.tasks.run_folder import mark_finished, note_environment
from sign_etl.tasks.setup import load_recipe

ENVIRONMENT = {
    "system": "Linux x86_64", "device": "cpu", "processes": 2, "precision": "fp32", "threads": 1,
    "versions": {"sign-etl": "1", "torch": "2"},
}  # fmt: skip


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 clips of 4 words and of 3 signers, who are in all splits."""
    out = tmp_path_factory.mktemp("card") / "build"
    return write_pose_build(out, [5] * 12, splits=("train", "val", "test"))


@pytest.fixture
def run(build: Path, tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", build, {"name": "islr"})


def card_of(run: Path) -> str:
    write_card(run)
    return (run / "README.md").read_text(encoding="utf-8")


def head_of(card: str) -> dict[str, Any]:
    before, head, _ = card.split("---\n", 2)
    assert before == ""
    found: dict[str, Any] = yaml.safe_load(head)
    return found


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_the_data_are_told_as_verify_tells_them(build: Path, run: Path) -> None:
    card, digest = card_of(run), tree_digest(read_manifest(build))
    assert f"| poses | poses | 12 of 12 | CC0-1.0 | zxx | `{digest}` |" in card
    assert "| `test` | 4 | 4 | 3 | 3 |" in card
    assert "* `test`: 3 of its 3 signers were learned from." in card
    how = "`sign-etl evaluate RUN --data BUILD --split test`"
    assert f"Not evaluated: `test`, 4 clips. {how}" in card
    source = {**facts(run)["sources"][0], "counts": {"written": 12, "failed": 3}}
    change(run / "build.json", sources=[source])
    assert "| 12 of 15 |" in card_of(run)


def facts(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "build.json").read_text())
    return found


def test_who_was_held_out_is_not_learned_from(build: Path) -> None:
    index = open_index([build])
    assert split_facts(index, ["train"])["val"] == {
        "clips": 4, "classes": 4, "signers": 3, "unnamed": 0, "known_signers": 3,
    }  # fmt: skip
    held = split_facts(index, ["train"], ["s0", "s2"])
    assert held["test"]["known_signers"] == 1
    # Two builds may both have a signer s1: they are two people.
    two = split_facts(open_index([build, build]), ["train"])
    assert (two["train"]["clips"], two["train"]["signers"]) == (8, 6)


def test_hubs_read_the_head(run: Path, build: Path) -> None:
    load_program("evaluate").evaluate(run, [str(build)], "test")
    text = (run / "README.md").read_text(encoding="utf-8")
    head = head_of(text)
    assert (head["license"], head["library_name"]) == ("cc0-1.0", "sign-etl")
    assert head["tags"] == ["sign-language", "islr", "spoter"]
    assert head["datasets"] == ["poses"]
    assert "language" not in head
    hub = pytest.importorskip("huggingface_hub")
    data = hub.ModelCard(text).data
    found = {result.metric_name.partition(" ")[0]: result for result in data.eval_results}
    told = json.loads((run / "results/test/metrics.json").read_text())
    assert found["top1"].metric_value == told["metrics"]["top1"]
    assert (found["top1"].metric_type, found["top1"].dataset_split) == ("accuracy", "test")
    low, high = told["intervals"]["top1"]
    assert found["top1"].metric_name.endswith(f"{100 * low:.1f} to {100 * high:.1f} %")
    assert "loss" not in found
    assert "Not evaluated" not in text.replace("`val`", "")


def test_results_say_what_they_are_worth(run: Path, build: Path, tmp_path: Path) -> None:
    evaluate = load_program("evaluate").evaluate
    evaluate(run, [str(build)], "val")
    card = (run / "README.md").read_text(encoding="utf-8")
    assert "This split has chosen the checkpoint" in card
    change(run / "build.json", preprocessing={"crops": 3, "views": 5})
    assert "By one view" not in card_of(run)
    change(run / "results" / "val" / "metrics.json", in_training=True)
    assert "By one view of each clip, where" in card_of(run)
    other = write_pose_build(tmp_path / "other", [5] * 4, splits=("test",), seed=3)
    evaluate(run, [str(other)], "test")
    card = (run / "README.md").read_text(encoding="utf-8")
    assert "On other data than were learned from, digest `" in card


def test_how_far_it_came(run: Path) -> None:
    assert "ended" not in card_of(run)  # of an earlier version: nothing is known
    note_environment(run, ENVIRONMENT)
    card = card_of(run)
    assert "**The training has not ended.** The last checkpoint is `step-00000001`" in card
    assert "--nproc 2" in card
    assert "| Linux x86_64 | cpu, 1 thread | 2 | fp32 | sign-etl 1, torch 2 |" in card
    mark_finished(run, epochs=3, steps=12)
    note_environment(run, {**ENVIRONMENT, "device": "NVIDIA H100"})
    card = card_of(run)
    assert "Trained to the end: 3 epochs of 50, then nothing got better any more, 12 steps." in card
    assert "gone on in the others" in card


def test_an_evaluation_of_a_stopped_run_does_not_end_it(run: Path, build: Path) -> None:
    """A chain would pass over the stage."""
    load_program("evaluate").evaluate(run, [str(build)], "test")
    assert (run / "README.md").is_file()
    assert not (run / FINISHED).exists()


def test_runs_beside_are_evaluated_too(run: Path, build: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "other", build, {"name": "islr"})
    config = other / "config.yaml"
    config.write_text(config.read_text().replace("\nseed: 0\n", "\nseed: 1\n"))
    load_program("evaluate").evaluate(run, [str(build)], "test", [other])
    assert (other / "results" / "test" / "metrics.json").is_file()
    assert "of seeds 0, 1 |" in (run / "README.md").read_text(encoding="utf-8")


def test_a_wrong_name_beside_is_told_first(run: Path, build: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="typo holds no checkpoint"):
        load_program("evaluate").evaluate(run, [str(build)], "test", [tmp_path / "typo"])
    assert not (run / "results").exists()


def test_what_a_training_wrote_of_its_split_is_no_evaluation(
    run: Path, build: Path, tmp_path: Path
) -> None:
    """It looks at one clip of each video: figures of several views must not be mixed with it."""
    other = write_run(tmp_path / "other", build, {"name": "islr"})
    config, results = other / "config.yaml", other / "results" / "val" / "metrics.json"
    config.write_text(config.read_text().replace("\nseed: 0\n", "\nseed: 1\n"))
    results.parent.mkdir(parents=True)
    told = {"split": "val", "clips": 4, "metrics": {"top1": 7.0}, "in_training": True}
    results.write_text(json.dumps({**told, "dataset_hash": facts(run)["dataset_hash"]}))
    load_program("evaluate").evaluate(run, [str(build)], "val", [other])
    found = json.loads(results.read_text())
    assert "in_training" not in found
    assert found["metrics"]["top1"] <= 1


def test_neighbours_are_those_that_were_learned_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few shots: whoever was not drawn must not be looked up either."""
    build = write_pose_build(tmp_path / "two", [5] * 16, splits=("train", "val"))
    run = write_run(tmp_path / "few", build, {"name": "metric"})
    config, program = run / "config.yaml", load_program("evaluate")
    weights = files.read_weights(files.find_checkpoint(run))
    asked: list[int] = []
    collect = program.collect

    def noted(model: Any, task: Any, stream: Any, *more: Any) -> Any:
        asked.append(len(stream.rows))
        return collect(model, task, stream, *more)

    monkeypatch.setattr(program, "collect", noted)
    for step, shots in ((2, 0), (3, 1)):
        values = load_recipe(config, [f"data.shots={shots}"])
        config.write_text(to_yaml(values.model_dump(mode="json", by_alias=True)))
        files.write_checkpoint(run, step, weights=weights, ema=None, state={}, cursor={})
        program.evaluate(run, [str(build)], "val")
    assert asked == [8, 8, 8, 4]


def test_initial_weights_have_digests_and_licences(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "theirs.pth"
    file.write_bytes(b"weights")

    def begun(**init: str) -> list[dict[str, Any]]:
        document = read_document(run / "config.yaml")
        document.values["init"] = {"part": "", "licence": "", **init}
        return weights_facts(parse_training(document))

    [published] = begun(published=str(file), licence="MIT")
    assert published["files"] == {"theirs.pth": sha256_file(file)}
    assert published["licence"] == "MIT"
    [before] = begun(run=str(run))
    marker = json.loads(next(run.glob("checkpoints/*/COMMITTED")).read_text())
    assert before["files"] == {"model.safetensors": marker["model.safetensors"]}
    assert before["sources"][0]["licence"] == "CC0-1.0"
    change(run / "build.json", weights=[{**before, "before": [published]}])
    card = card_of(run)
    assert f"| published weights | theirs.pth | MIT | theirs.pth `{sha256_file(file)}` |" in (
        card.replace("of these: ", "")
    )
    assert str(tmp_path) not in card
    assert begun() == []


def test_defaults_name_weights_too() -> None:
    """`hand_weights` stands in no recipe of Uni-Sign, and is ImageNet's all the same."""
    from sign_etl.app.train import find_recipe

    document = read_document(find_recipe("unisign/stage2"))
    document.values["model"]["language_model"] = "random"
    found = {each["what"]: each["name"] for each in weights_facts(parse_training(document))}
    assert found["EfficientNet-B0 of the hands"] == "imagenet"


def test_options_that_no_recipe_names_are_told(run: Path) -> None:
    """A later version may have other defaults."""
    options = options_facts(parse_training(read_document(run / "config.yaml")))
    assert options["task"]["label_smoothing"] == 0.0
    change(run / "build.json", options=options)
    assert "  label_smoothing: 0.0\n" in card_of(run)


def test_every_metric_says_what_it_counts() -> None:
    names = ("top1", "bleu4", "wer", "unseen/knn5", "centroid1", "top5_classes", "rmse", "error")
    assert all(words_of(name).unit and words_of(name).meaning for name in names)
    assert words_of("unseen/knn5").meaning.endswith("that training has not seen")
    assert shown(0.875, words_of("top1").unit) == "87.5 %"
    assert shown(25.7, words_of("bleu4").unit) == "25.70 points"
