"""The parts of a model card that are lists and tables: data, licences, weights, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sign_etl.tasks.checkpoint import read_json
from sign_etl.tasks.evaluation import RESULTS, SPREAD
from sign_etl.tasks.licence_terms import OWN, UNTOLD, Binding, asked
from sign_etl.tasks.metric_words import between, shown, words_of


def cell(text: object) -> str:
    """A text that stays within its cell of a table; a dash where there is none."""
    return str(text).replace("|", "\\|").replace("\n", " ") or "-"


def table(
    heads: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[int] = ()
) -> list[str]:
    """A table in Markdown, with an empty line below.

    Args:
        heads: of the columns.
        rows: cells.
        right: columns of numbers.
    """
    marks = ["---:" if number in right else "---" for number in range(len(heads))]
    lines = ["| " + " | ".join(heads) + " |", "|" + "|".join(marks) + "|"]
    lines += ["| " + " | ".join(map(cell, row)) + " |" for row in rows]
    return [*lines, ""]


def data_lines(build: Mapping[str, Any], learned: Sequence[str]) -> list[str]:
    """The builds, their splits, who is in them, and what to cite."""
    rows = []
    for source in build["sources"]:
        counts = source.get("counts", {})
        built = (
            f"{counts.get('written', 0):,} of {sum(counts.values()):,}" if counts else "not told"
        )
        digest = f"`{source.get('tree') or source['digest']}`"
        rows.append(
            (
                source["name"],
                source["dataset"],
                built,
                source["licence"],
                source["language"],
                digest,
            )
        )
    heads = ("build", "data set", "clips built of those asked for", "licence", "language", "digest")
    lines = table(heads, rows)
    if any("tree" in source for source in build["sources"]):
        lines += ["`sign-etl verify BUILD --against DIGEST` tells whether a build is the same.", ""]
    lines += _splits(build.get("splits", {}), learned)
    for source in build["sources"]:
        networks = source.get("networks", {})
        made = [
            f"`{name}` {each['version']}{_files(each['weights'])}"
            for name, each in networks.items()
        ]
        if made:
            lines += [f"Made for `{source['name']}` by networks: {'; '.join(made)}.", ""]
    cited = dict.fromkeys(source.get("citation", "") for source in build["sources"])
    cited = {text: None for text in cited if text not in ("", OWN)}
    return lines + (["Cite the data: " + " ".join(cited), ""] if cited else [])


def _splits(splits: Mapping[str, Mapping[str, int]], learned: Sequence[str]) -> list[str]:
    if not splits:
        return []
    rows = []
    for name, split in splits.items():
        named = split["clips"] - split["unnamed"]
        signers = f"{split['signers']:,}" if named else "not named"
        if named and split["unnamed"]:
            signers += f", and {split['unnamed']:,} clips of nobody named"
        taught = f"{split['known_signers']:,}" if named else "-"
        rows.append((f"`{name}`", f"{split['clips']:,}", f"{split['classes']:,}", signers, taught))
    heads = ("split", "clips", "classes", "signers", "of these learned from")
    lines = table(heads, rows, right=(1, 2))
    unknown = any(splits[name]["unnamed"] for name in learned if name in splits)
    for name, split in splits.items():
        if name in learned:
            continue
        if unknown or split["unnamed"]:
            said = "it is not known whether its signers were learned from"
        elif split["known_signers"]:
            said = (
                f"{split['known_signers']:,} of its {split['signers']:,} signers were learned from"
            )
        else:
            said = "none of its signers was learned from"
        lines.append(f"* `{name}`: {said}.")
    return [*lines, ""] if lines[-1] else lines


def _files(weights: Mapping[str, str]) -> str:
    named = ", ".join(f"{name} `{sha256[:16]}`" for name, sha256 in sorted(weights.items()))
    return f" ({named})" if named else ""


def weights_lines(weights: Sequence[Mapping[str, Any]]) -> list[str]:
    """The initial weights with the digests of their files, those of earlier runs below them."""
    if not weights:
        return []
    rows: list[tuple[object, ...]] = []

    def add(found: Sequence[Mapping[str, Any]], depth: int) -> None:
        for each in found:
            digests = ", ".join(f"{name} `{sha}`" for name, sha in each["files"].items())
            told = each["licence"] or ("of its data" if "sources" in each else "not told")
            rows.append(("of these: " * depth + each["what"], each["name"], told, digests))
            for source in each.get("sources", ()):
                rows.append(
                    (
                        "of these: " * (depth + 1) + "learned from the build",
                        f"{source['name']} ({source['dataset']})",
                        source["licence"],
                        f"`{source['digest']}`",
                    )
                )
            add(each.get("before", ()), depth + 1)

    add(weights, 0)
    return ["## Initial weights", "", *table(("what", "name", "licence", "sha256"), rows)]


def licence_lines(bound: Sequence[Binding], head: Mapping[str, str]) -> list[str]:
    """What data and weights ask of whoever uses the model."""
    rows = [
        (each.of, "not told" if each.licence.lower() in UNTOLD else each.licence, each.homepage)
        for each in bound
    ]
    lines = [
        "## Licence",
        "",
        "A model carries the terms of its data and of its initial weights.",
        "",
    ]
    lines += table(("of", "licence", "see"), rows)
    lines += [f"* {text}" for text in asked(bound)]
    if any(each.licence == OWN for each in bound):
        lines.append("* Data of your own: you decide, with the consent of the people in it.")
    chosen = head.get("license_name", head["license"])
    because = {
        "unknown": "since not all terms are known: write yours before you publish",
        "other": "since none of them asks for all that they ask for, or hubs do not know it",
    }.get(head["license"], "which asks for all that they ask for")
    return [*lines, f"* The head of this card says `{chosen}`, {because}.", ""]


def result_lines(run: Path, config: Mapping[str, Any], build: Mapping[str, Any]) -> list[str]:
    """The figures of each split with their spread, and which splits were not evaluated."""
    lines: list[str] = []
    done = []
    for path in sorted((run / RESULTS).glob("*/metrics.json")):
        found = read_json(path)
        done.append(found["split"])
        damaged = f" and {found['damaged']:,} damaged" if found.get("damaged") else ""
        lines += [f"## Results on `{found['split']}`, {found['clips']:,} clips{damaged}", ""]
        lines += _remarks(found, config, build)
        spread = path.parent / SPREAD
        lines += _figures(found, read_json(spread) if spread.is_file() else None)
    there = {name: f", {facts['clips']:,} clips" for name, facts in build.get("splits", {}).items()}
    if config["data"].get("held_out"):
        there["held-out"] = ", the signers whom training has not seen"
    for split, what in there.items():
        if split not in (*done, *config["data"]["train"], config["data"]["select"]):
            asked_for = f"`sign-etl evaluate RUN --data BUILD --split {split}`"
            lines += [f"Not evaluated: `{split}`{what}. {asked_for} does it.", ""]
    return lines


def _remarks(
    found: Mapping[str, Any], config: Mapping[str, Any], build: Mapping[str, Any]
) -> list[str]:
    data, said = config["data"], [f"Of `{found['checkpoint']}`."] if "checkpoint" in found else []
    if found["split"] == data["select"] and config.get("epochs"):
        said.append("This split has chosen the checkpoint, so that its figures are too good.")
    seen = build.get("preprocessing", {})
    if found.get("in_training") and seen.get("crops", 1) * seen.get("views", 1) > 1:
        said.append("By one view of each clip, where an evaluation takes the mean of several.")
    if found["split"] in data["train"]:
        said.append("This split was learned from.")
    if found.get("dataset_hash", build["dataset_hash"]) != build["dataset_hash"]:
        said.append(f"On other data than were learned from, digest `{found['dataset_hash']}`.")
    return [" ".join(said), ""] if said else []


def _figures(found: Mapping[str, Any], spread: Mapping[str, Any] | None) -> list[str]:
    heads = ["metric", "value", "95 % interval"]
    if spread is not None:
        seeds = ", ".join(map(str, spread["seeds"]))
        heads.append(f"mean ± deviation (least to greatest) of seeds {seeds}")
    rows = []
    for name, value in sorted(found["metrics"].items()):
        words = words_of(name)
        limits = found.get("intervals", {}).get(name)
        row = [name, shown(value, words.unit), between(limits, words.unit) if limits else ""]
        if spread is not None:
            row.append(_over(spread["metrics"].get(name), words.unit))
        rows.append((*row, words.meaning))
    lines = table((*heads, "what it counts"), rows, right=range(1, len(heads)))
    if found.get("intervals"):
        lines += [
            "The intervals take clips as drawn one by one, and not the choice of signers.",
            "",
        ]
    return lines


def _over(told: Mapping[str, float] | None, unit: str) -> str:
    if told is None:
        return ""
    bare = {name: shown(value, unit).partition(" ")[0] for name, value in told.items()}
    width = f" ± {bare['deviation']}" if "deviation" in bare else ""
    unit_text = shown(told["mean"], unit).partition(" ")[2]
    return f"{bare['mean']}{width} ({bare['least']} to {bare['greatest']}) {unit_text}".strip()
