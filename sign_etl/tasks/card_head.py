"""The YAML before a model card, as hubs read it: licence, language, data, metrics, results.

The keys are those of Hugging Face's model cards; `model-index` holds the figures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from sign_etl.tasks.licence_terms import OWN
from sign_etl.tasks.metric_words import between, words_of

_TASKS: Final = {
    "islr": "video-classification",
    "slt": "translation",
    "metric": "feature-extraction",
    "mae-pose": "feature-extraction",
    "mae-video": "feature-extraction",
}
_NO_LANGUAGE: Final = ("und", "zxx", "unknown", "")
_REPOSITORY: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
"""Names of models on a hub; a folder's name has no such form."""
_NAME: Final = re.compile(r"[a-z0-9][\w.-]*")


def card_head(
    config: Mapping[str, Any],
    build: Mapping[str, Any],
    licence: Mapping[str, str],
    results: Sequence[Mapping[str, Any]],
) -> str:
    """The head, with the lines around it and an empty one below.

    Args:
        config: of the run.
        build: its `build.json`.
        licence: `license` and what goes with it.
        results: `metrics.json` of each split.
    """
    task = str(config["task"]["name"])
    kind = _kind(config["task"])
    sources = build["sources"]
    languages = dict.fromkeys(str(source["language"]) for source in sources)
    data = [source["dataset"] for source in sources if source["licence"] != OWN]
    named = [name for name in dict.fromkeys(map(str, data)) if _NAME.fullmatch(name)]
    base = [
        each["name"] for each in build.get("weights", ()) if _REPOSITORY.fullmatch(each["name"])
    ]
    said: dict[str, Any] = {
        **licence,
        "language": [_language(each) for each in languages if each not in _NO_LANGUAGE],
        "library_name": "sign-etl",
        "pipeline_tag": kind,
        "tags": list(dict.fromkeys(("sign-language", task, str(config["model"]["name"])))),
        "datasets": [name for name in named if name != "unknown"],
        "base_model": base,
        "metrics": list(dict.fromkeys(_hub_metrics(results))),
        "model-index": _index(str(config["name"]), kind or "other", task, sources, results),
    }
    text = yaml.safe_dump(
        {key: value for key, value in said.items() if value},
        sort_keys=False,
        allow_unicode=True,
        width=1000,
    )
    return f"---\n{text}---\n"


def _language(code: str) -> str:
    return "multilingual" if code == "mul" else code


def _hub_metrics(results: Sequence[Mapping[str, Any]]) -> list[str]:
    return [
        words_of(name).hub for each in results for name in each["metrics"] if words_of(name).hub
    ]


def _kind(task: Mapping[str, Any]) -> str:
    """What hubs call a task, empty where they have no word for it."""
    if task.get("target") == "label":  # written letter by letter, and still a class
        return _TASKS["islr"]
    return _TASKS.get(str(task["name"]), "")


def _index(
    name: str,
    kind: str,
    task: str,
    sources: Sequence[Mapping[str, Any]],
    results: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    data: dict[str, Any] = {
        "type": "-".join(dict.fromkeys(str(source["dataset"]) for source in sources)),
        "name": ", ".join(dict.fromkeys(str(source["name"]) for source in sources)),
    }
    told = []
    for found in results:
        metrics = [
            {"type": words_of(metric).hub, "value": value, "name": _titled(metric, found)}
            for metric, value in sorted(found["metrics"].items())
            if words_of(metric).hub
        ]
        dataset = {**data, "split": found["split"]}
        if metrics:
            what = {"type": kind, "name": task}
            told.append({"task": what, "dataset": dataset, "metrics": metrics})
    return [{"name": name, "results": told}] if told else []


def _titled(metric: str, found: Mapping[str, Any]) -> str:
    """A metric's name with its unit's meaning, and its interval where there is one."""
    words, limits = words_of(metric), found.get("intervals", {}).get(metric)
    if not limits:
        return f"{metric} ({words.meaning})"
    return f"{metric} ({words.meaning}), 95 % interval {between(limits, words.unit)}"
