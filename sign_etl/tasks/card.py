"""The model card: `README.md` of a run folder, written from what the run itself has written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sign_etl.core.files import write_bytes
from sign_etl.tasks.checkpoint import BUILD, CONFIG, best_of, read_json
from sign_etl.tasks.evaluation import RESULTS
from sign_etl.tasks.spread import SPREAD

BROUGHT = {"clip": "CLIP", "language_model": "the language model", "hand_weights": "hands"}
"""Settings of models that name weights of others."""


def write_card(run: Path) -> None:
    """Write the card of a run, with all results that lie in it."""
    config = yaml.safe_load((run / CONFIG).read_text(encoding="utf-8"))
    build = read_json(run / BUILD)
    best = best_of(run)
    lines = [
        f"# {config['name']}",
        "",
        config["description"],
        "",
        "| | |",
        "|---|---|",
        f"| task | {config['task']['name']} |",
        f"| model | {config['model']['name']}, {build['parameters']:,} parameters |",
        f"| best checkpoint | {best.name if best else 'none'}, chosen on `{_select(config)}` |",
        f"| initial weights | {_begin(config)} |",
        f"| seed | {config['seed']} |",
        f"| sign-etl | {build['sign_etl']}, torch {build['torch']} |",
        "",
        "## Data",
        "",
        "| build | data set | digest | licence | language |",
        "|---|---|---|---|---|",
        *(
            f"| {source['name']} | {source['dataset']} | `{source['digest'][:16]}` | "
            f"{source['licence']} | {source['language']} |"
            for source in build["sources"]
        ),
        "",
        f"Learned from: {', '.join(config['data']['train'])}. "
        f"{len(build['labels'])} classes"
        + (
            f", of which {len(config['data']['left_out'])} were left out of training: "
            f"{', '.join(config['data']['left_out'])}."
            if config["data"]["left_out"]
            else "."
        ),
        "",
        "A model carries the terms of its data. It knows the signers, the camera and the signs of "
        "these data, and nothing tells how it does on others.",
        "",
        "## What goes in",
        "",
        *_preprocessing(config, build),
        *_results(run),
        "## Curves",
        "",
        "![curves](curves.png)",
        "",
        "All settings: [config.yaml](config.yaml). All numbers: [metrics.jsonl](metrics.jsonl).",
    ]
    write_bytes(run / "README.md", ("\n".join(lines) + "\n").encode("utf-8"))


def _preprocessing(config: dict[str, Any], build: dict[str, Any]) -> list[str]:
    view, augment = config["data"]["view"], config["data"].get("augment", ())
    known = build.get("preprocessing") or view
    flips = [str(each.get("probability", 0.5)) for each in augment if each["name"] == "flip"]
    what = {
        "clip": "Pictures after this preprocessing:",
        "feat": "Features that a frozen network has made:",
        "crop": "Keypoints, and pictures of hands, after this preprocessing:",
    }
    lines = [
        what.get(view["name"], "Keypoints after this preprocessing; the score is not an input:"),
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


def _begin(config: dict[str, Any]) -> str:
    init = config.get("init") or {}
    source = init.get("run") or init.get("published")
    brought = [
        f"{what} `{config['model'][key]}`"
        for key, what in BROUGHT.items()
        if config["model"].get(key, "random") != "random"
        and not config["model"].get(f"random_{key}")
    ]
    if source is None:
        return f"{', '.join(brought)}, under their own licences" if brought else "random"
    return f"{Path(source).name}, licence: {init.get('licence') or 'not told'}"


def _select(config: dict[str, Any]) -> str:
    return str(config["data"]["select"])


def _results(run: Path) -> list[str]:
    lines: list[str] = []
    for path in sorted((run / RESULTS).glob("*/metrics.json")):
        found = read_json(path)
        damaged = f" and {found['damaged']:,} damaged" if found.get("damaged") else ""
        lines += [f"## Results on `{found['split']}`, {found['clips']:,} clips{damaged}", ""]
        several = path.parent / SPREAD
        if several.is_file():
            lines += _spread(found["metrics"], read_json(several))
            continue
        lines += ["| metric | value |", "|---|---:|"]
        lines += [f"| {name} | {value:.4f} |" for name, value in sorted(found["metrics"].items())]
        lines.append("")
    return lines


def _spread(mine: dict[str, float], several: dict[str, Any]) -> list[str]:
    seeds = ", ".join(map(str, several["seeds"]))
    lines = [f"| metric | value | mean (least to greatest) of seeds {seeds} |", "|---|---:|---:|"]
    for name, value in sorted(mine.items()):
        told = several["metrics"].get(name)
        over = f"{told['mean']:.4f} ({told['least']:.4f} to {told['greatest']:.4f})" if told else ""
        lines.append(f"| {name} | {value:.4f} | {over} |")
    return [*lines, ""]
