"""How much chance moves a result: one recipe trained with several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from sign_etl.core.errors import ConfigError, UsageError
from sign_etl.core.files import write_json
from sign_etl.schema.document import read_document
from sign_etl.schema.training import parse_training
from sign_etl.tasks.checkpoint import BUILD, CONFIG, read_json
from sign_etl.tasks.evaluation import RESULTS, SPREAD

FREE = ("name", "description", "build", "published", "seed", "init")
"""What runs of one recipe may differ in; a run that another one begins with has seeds too."""


def write_spread(run: Path, beside: Sequence[Path], split: str) -> dict[str, Any]:
    """Compare a run's results on a split with those of its recipe's other seeds.

    Args:
        run: its folder, evaluated on the split.
        beside: folders of the others, likewise.
        split: of the data.

    Returns:
        What is written: `seeds` and, by metric, `mean`, `deviation` (of a sample, over n - 1),
        `least` and `greatest`.

    Raises:
        UsageError: one of them was not evaluated on the split, or two are the same.
        ConfigError: they differ in more than their seeds, in their data, or in the clips that they
            were asked about.
    """
    runs = [run, *beside]
    if len({path.resolve() for path in runs}) < len(runs):
        raise UsageError("a run is named twice", hint="give each seed's run once")
    configs = [_settings(path / CONFIG) for path in runs]
    first = configs[0]
    hashes = [read_json(path / BUILD)["dataset_hash"] for path in runs]
    for path, config, digest in zip(runs, configs, hashes, strict=True):
        differ = sorted(
            key for key in {*config, *first} - {*FREE} if config.get(key) != first.get(key)
        )
        if differ or digest != hashes[0]:
            raise ConfigError(
                f"{path.name} differs from {run.name} in {', '.join(differ) or 'its data'}",
                hint="compare runs of one recipe on the same build, with `--set seed=N`",
            )
    seeds = [int(config["seed"]) for config in configs]
    if len(set(seeds)) < len(seeds):
        raise UsageError("two runs have the same seed", hint="train with `--set seed=N`")
    results = [_results(path, split) for path in runs]
    for path, result in zip(runs, results, strict=True):
        asked = [(each.get("dataset_hash"), each["clips"]) for each in (result, results[0])]
        if asked[0] != asked[1]:
            raise ConfigError(
                f"{path.name} and {run.name} were evaluated on other clips of `{split}`",
                hint=f"sign-etl evaluate {path} --data BUILD --split {split}",
            )
    found = [result["metrics"] for result in results]
    names = sorted(set.intersection(*(set(metrics) for metrics in found)))
    spread = {
        "split": split,
        "seeds": seeds,
        "metrics": {name: _told([metrics[name] for metrics in found]) for name in names},
    }
    write_json(run / RESULTS / split / SPREAD, spread)
    return spread


def _settings(path: Path) -> dict[str, Any]:
    """The settings of a run; those that came after it have their defaults."""
    return parse_training(read_document(path)).model_dump(mode="json", by_alias=True)


def _told(values: Sequence[float]) -> dict[str, float]:
    return {
        "mean": mean(values),
        "deviation": stdev(values) if len(values) > 1 else 0.0,
        "least": min(values),
        "greatest": max(values),
    }


def _results(run: Path, split: str) -> dict[str, Any]:
    path = run / RESULTS / split / "metrics.json"
    if not path.is_file():
        raise UsageError(
            f"{run} has no results on `{split}`",
            hint=f"sign-etl evaluate {run} --data BUILD --split {split}",
        )
    return read_json(path)
