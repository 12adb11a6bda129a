"""The model card: `README.md` of a run folder, written from what the run itself has written.

It begins with the YAML that hubs read. Nothing in it names a machine or a folder of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from sign_etl.core.files import write_bytes
from sign_etl.schema.training_chain import FINISHED
from sign_etl.tasks.card_head import card_head
from sign_etl.tasks.card_text import (
    data_lines,
    licence_lines,
    result_lines,
    table,
    weights_lines,
)
from sign_etl.tasks.checkpoint import (
    BEST,
    BUILD,
    CONFIG,
    EMA,
    FOLDER,
    MARKER,
    MODEL,
    best_of,
    checkpoints,
    read_json,
)
from sign_etl.tasks.evaluation import RESULTS
from sign_etl.tasks.licence_terms import bindings, hub_licence
from sign_etl.tasks.run_folder import environments

KINDS = ("task", "model")
"""Plug-ins, whose own options stand in no table."""


def write_card(run: Path) -> None:
    """Write the card of a run, with all results that lie in it."""
    config = yaml.safe_load((run / CONFIG).read_text(encoding="utf-8"))
    build = read_json(run / BUILD)
    bound = bindings(build["sources"], build.get("weights", ()))
    licence = hub_licence(bound)
    results = [read_json(path) for path in sorted((run / RESULTS).glob("*/metrics.json"))]
    lines = [
        f"# {config['name']}",
        "",
        config["description"],
        "",
        *_state(run, config),
        "| | |",
        "|---|---|",
        f"| task | {config['task']['name']} |",
        f"| model | {config['model']['name']}, {_parameters(build)} |",
        f"| best checkpoint | {_best(run, config)} |",
        f"| initial weights | {_begin(config, build)} |",
        f"| seed | {config['seed']} |",
        "",
        "## Data",
        "",
        *data_lines(build, config["data"]["train"]),
        f"Learned from: {_learned(config, build)}. "
        f"{len(build['labels'])} classes"
        + (
            f", of which {len(config['data']['left_out'])} were left out of training: "
            f"{', '.join(config['data']['left_out'])}."
            if config["data"]["left_out"]
            else "."
        ),
        "",
        "The model knows the signers, the camera and the signs of these data, and nothing tells "
        "how it does on others.",
        "",
        *licence_lines(bound, licence),
        *weights_lines(build.get("weights", ())),
        "## What goes in",
        "",
        *_preprocessing(config, build),
        "## How it learned",
        "",
        *_settings(config, build),
        *result_lines(run, config, build),
        "## Once more",
        "",
        *_once_more(run, config, build),
    ]
    if (run / "curves.png").is_file():
        lines += ["## Curves", "", "![curves](curves.png)", ""]
    lines.append(
        "All settings: [config.yaml](config.yaml). All numbers: [metrics.jsonl](metrics.jsonl)."
    )
    text = card_head(config, build, licence, results) + "\n" + "\n".join(lines) + "\n"
    write_bytes(run / "README.md", text.encode("utf-8"))


def _state(run: Path, config: dict[str, Any]) -> list[str]:
    """How far the training came; runs of earlier versions do not tell."""
    if (run / FINISHED).is_file():
        if not config["epochs"]:
            return ["Nothing was trained: the weights are as they began.", ""]
        done = read_json(run / FINISHED)
        early = done["epochs"] < config["epochs"]
        why = f" of {config['epochs']:,}, then nothing got better any more" if early else ""
        epochs, steps = _count(done["epochs"], "epoch"), _count(done["steps"], "step")
        return [f"Trained to the end: {epochs}{why}, {steps}.", ""]
    if not environments(run):
        return []
    last = checkpoints(run)
    where = f"The last checkpoint is `{last[-1].name}`" if last else "There is no checkpoint yet"
    return [
        f"**The training has not ended.** {where}; the same command with `--resume` goes on.",
        "",
    ]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _best(run: Path, config: dict[str, Any]) -> str:
    best = best_of(run)
    if best is None:
        return "none"
    marker, chosen = read_json(best / MARKER), read_json(run / FOLDER / BEST)
    name = EMA if EMA in marker else MODEL
    by = f" by `{chosen['metric']}`, {chosen['value']:.4f}" if "metric" in chosen else ""
    return (
        f"{best.name}, chosen on `{config['data']['select']}`{by}; {name} sha256 `{marker[name]}`"
    )


def _parameters(build: dict[str, Any]) -> str:
    frozen = build.get("frozen", 0)
    return f"{build['parameters']:,} parameters" + (
        f", {frozen:,} of them frozen" if frozen else ""
    )


def _learned(config: dict[str, Any], build: dict[str, Any]) -> str:
    if not config["epochs"]:
        return "nothing, the weights are as they began"
    data = config["data"]
    said = [", ".join(data["train"])]
    if data.get("shots"):
        said.append(f"at most {data['shots']} of each class, drawn by seed {config['seed']}")
    if data.get("held_out"):
        said.append(f"without the signers {', '.join(data['held_out'])}")
    clips = f" ({_count(build['learned_clips'], 'clip')})" if "learned_clips" in build else ""
    return ", ".join(said) + clips


def _preprocessing(config: dict[str, Any], build: dict[str, Any]) -> list[str]:
    view, augment = config["data"]["view"], config["data"].get("augment", ())
    known = build.get("preprocessing") or view
    flips = [str(each.get("probability", 0.5)) for each in augment if each["name"] == "flip"]
    what = {
        "clip": "Pictures after this preprocessing:",
        "feat": "Features that a frozen network has made:",
        "crop": "Keypoints with their scores, and pictures of hands, after this preprocessing:",
    }
    scored = config.get("task", {}).get("name") == "slt"
    score = "with their scores" if scored else "without their scores"
    lines = [
        what.get(view["name"], f"Keypoints {score}, after this preprocessing:"),
        "",
        "```yaml",
        yaml.safe_dump(known, sort_keys=False, allow_unicode=True).rstrip(),
        "```",
        "",
    ]
    if view["name"] == "clip":
        with_hands = (
            f"In training, clips were mirrored with probability {', '.join(flips)}: for the model "
            "a left hand is as good as a right one."
            if flips
            else "No clip was mirrored in training: for the model a left hand is not a right one."
        )
        lines += [with_hands, ""]
    return lines


def _begin(config: dict[str, Any], build: dict[str, Any]) -> str:
    told = [f"{each['what']} `{each['name']}`" for each in build.get("weights", ())]
    if told:
        return f"{', '.join(told)}, see below"
    # A run of an earlier version has written down no more than its settings.
    init = config.get("init") or {}
    source = init.get("run") or init.get("published")
    return (
        f"{Path(source).name}, licence: {init.get('licence') or 'not told'}" if source else "random"
    )


def _settings(config: dict[str, Any], build: dict[str, Any]) -> list[str]:
    """What a paper tells of a training, and where the rest is."""
    batch, optimizer = config.get("batch", {}), config.get("optimizer", {})
    if not config.get("epochs") or not optimizer:
        return ["Nothing was trained; see [config.yaml](config.yaml).", ""]
    clips = batch["samples"] * batch["micro_batches"]
    base = optimizer.get("base_batch")
    rate = optimizer["lr"] * clips / base if base else optimizer["lr"]
    named = [each["name"] for each in config["data"].get("augment", ())]
    rows = (
        ("optimizer", f"{optimizer['name']}, weight decay {optimizer['weight_decay']:g}"),
        ("peak learning rate", f"{rate:.4g}, layer decay {optimizer['layer_decay']:g}"),
        (
            "schedule",
            f"{optimizer['schedule']}, warm-up {100 * optimizer['warmup']:g} % of the steps",
        ),
        ("clips of a step", f"{clips:,} at most: {batch['samples']} x {batch['micro_batches']}"),
        ("epochs", f"{config['epochs']:,}"),
        (
            "longest gradient",
            f"{optimizer['clip_norm']:g}" if optimizer["clip_norm"] else "no limit",
        ),
        ("augmentation", ", ".join(named) or "none"),
        ("precision", config["precision"]),
        ("moving average of the weights", f"{config['ema']:g}" if config["ema"] else "none"),
    )
    shown = _bare({key: {**config[key], **build.get("options", {}).get(key, {})} for key in KINDS})
    options = yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)
    return [*table(("setting", "value"), rows), "```yaml", options.rstrip(), "```", ""]


def _bare(value: Any) -> Any:
    """Settings with the last part of each path alone: the rest is of one machine."""
    if isinstance(value, dict):
        return {key: _bare(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_bare(inner) for inner in value]
    return Path(value).name if isinstance(value, str) and value[:1] in "/~" and value else value


def _once_more(run: Path, config: dict[str, Any], build: dict[str, Any]) -> list[str]:
    """The commands that train and judge it again, and with what it was done."""
    known = environments(run)
    many = max((each["processes"] for each in known), default=1)
    data = " ".join("--data BUILD" for _ in build["sources"])
    processes = f" --nproc {many}" if many > 1 else ""
    before = " --set init.run=RUN" if (config.get("init") or {}).get("run") else ""
    lines = [
        "```console",
        f"$ sign-etl train config.yaml {data} --out again{processes}{before}",
        f"$ sign-etl evaluate again {data} --split {_asked(build, config)}",
        "```",
        "",
    ]
    if not known:
        return [*lines, f"With sign-etl {build['sign_etl']}, torch {build['torch']}.", ""]
    rows = [_environment(each) for each in known]
    lines += table(("system", "device", "processes", "precision", "versions"), rows)
    if len(known) > 1:
        lines += ["Begun in the first row, gone on in the others.", ""]
    return lines


def _environment(facts: dict[str, Any]) -> Sequence[object]:
    threads = f", {_count(facts['threads'], 'thread')}" if facts.get("threads") else ""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    device = f"{facts['device']}{threads}"
    return facts["system"], device, facts["processes"], facts["precision"], versions


def _asked(build: dict[str, Any], config: dict[str, Any]) -> str:
    if config["data"].get("held_out"):
        return "held-out"
    there = build.get("splits", {"test": None})
    return "test" if "test" in there else str(config["data"]["select"])
