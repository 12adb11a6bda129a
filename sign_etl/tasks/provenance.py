"""Where a run comes from: who is in its splits, which weights it began with, and on which machine.

All of it is found out when a run begins, since builds and weights may be gone when it is read.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

import sign_etl
from sign_etl.core.canonical import sha256_file
from sign_etl.models.base import MODELS
from sign_etl.schema.training import TrainConfig
from sign_etl.stream.index import Index
from sign_etl.tasks import checkpoint as files
from sign_etl.tasks.base import TASKS

if TYPE_CHECKING:
    from accelerate import Accelerator

BROUGHT: Final = {
    "clip": "frozen CLIP",
    "language_model": "language model",
    "hand_weights": "EfficientNet-B0 of the hands",
}
"""Settings of models that name weights of others."""
PACKAGES: Final = ("torch", "torchvision", "transformers", "timm", "accelerate", "numpy", "pyarrow")
"""Their versions may move a result."""
_WEIGHTS: Final = (("*.safetensors",), ("*.bin", "*.pt", "*.pth"))
"""Names of files with weights; of a folder that has both kinds the first is loaded."""


def split_facts(
    index: Index, learned: Sequence[str], held_out: Sequence[str] = ()
) -> dict[str, dict[str, int]]:
    """How many clips, classes and signers each split of some builds has.

    Args:
        index: of the builds.
        learned: the splits that are learned from.
        held_out: signers who are not learned from all the same.

    Returns:
        By split: `clips`, `classes`, `signers` that are named, `unnamed` clips without a signer,
        and `known_signers`, those of them who are learned from. A signer is told by build and name:
        two builds may both have a signer 1.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = {
        name: pc.fill_null(pc.cast(index.column(name), pa.large_string()), "")
        for name in ("split", "signer")
    }
    columns = {**texts, "build": index.source, "label": index.label_id}
    table = pa.table(columns)
    people: dict[str, set[tuple[int, str]]] = {}
    found: dict[str, dict[str, int]] = {}
    counted = table.group_by(["split", "build", "signer"]).aggregate([([], "count_all")])
    for row in counted.to_pylist():
        blank = {"clips": 0, "classes": 0, "signers": 0, "unnamed": 0, "known_signers": 0}
        mine = found.setdefault(row["split"], blank)
        mine["clips"] += row["count_all"]
        if row["signer"]:
            people.setdefault(row["split"], set()).add((row["build"], row["signer"]))
        else:
            mine["unnamed"] += row["count_all"]
    for row in table.group_by(["split", "label"]).aggregate([]).to_pylist():
        found[row["split"]]["classes"] += row["label"] >= 0
    taught = {
        each for split in learned for each in people.get(split, ()) if each[1] not in held_out
    }
    for split, mine in found.items():
        mine["signers"] = len(people.get(split, ()))
        mine["known_signers"] = len(people.get(split, set()) & taught)
    return dict(sorted(found.items()))


def options_facts(config: TrainConfig) -> dict[str, dict[str, Any]]:
    """The options of task and model with their defaults: `config.yaml` has only what was set."""
    task, model = TASKS.get(config.task.name), MODELS.get(config.model.name)
    return {
        "task": task.options(config.task.options).model_dump(mode="json"),
        "model": model.options(config.model.options).model_dump(mode="json"),
    }


def weights_facts(config: TrainConfig) -> list[dict[str, Any]]:
    """The weights of others that a training begins with, each with its files' digests and licence.

    Returns:
        One for each: `what` they are, `name`, `licence` (empty where it is not told), `files` with
        their sha256 (empty where the files are not on this machine), and for another run also
        `sources`, the data that it has learned from, and `before`, its own initial weights.
    """
    found = []
    init = config.init
    # With their defaults: a recipe need not name the weights that its model takes.
    model = options_facts(config)["model"]
    if init.published is not None:
        path = Path(init.published).expanduser()
        digests = {path.name: sha256_file(path)} if path.is_file() else {}
        found.append(_weights("published weights", path.name, init.licence, digests))
    if init.run is not None:
        found.append(_of_run(Path(init.run).expanduser(), init.licence))
    for key, what in BROUGHT.items():
        name = str(model.get(key, "random"))
        read = _is_read(key, model, config.data.view.name)
        if name != "random" and not model.get(f"random_{key}") and read:
            folder = _folder_of(name)
            shown = Path(name).name if Path(name).expanduser().exists() else name
            found.append(_weights(what, shown, _licence(folder), _digests(folder)))
    return found


def _is_read(key: str, model: Mapping[str, Any], view: str) -> bool:
    """Whether a model takes the weights of a setting: not those that the build has used for it."""
    if key == "clip":
        return view != "feat" or model.get("input") == "stem"
    return key != "hand_weights" or view == "crop"


def _weights(what: str, name: str, licence: str, digests: Mapping[str, str]) -> dict[str, Any]:
    return {"what": what, "name": name, "licence": licence, "files": dict(digests)}


def _of_run(path: Path, licence: str) -> dict[str, Any]:
    """Another run's weights; what it has learned from goes with them."""
    last = files.checkpoints(path)
    folder = path
    if not (path / files.MARKER).is_file():
        folder = files.best_of(path) or (last[-1] if last else path)
    if not (folder / files.MARKER).is_file():
        return _weights("weights of a run", path.name, licence, {})
    marker = files.read_json(folder / files.MARKER)
    facts = files.read_json(folder / files.BUILD)
    name = files.EMA if files.EMA in marker else files.MODEL
    run = yaml.safe_load((folder / files.CONFIG).read_text(encoding="utf-8"))["name"]
    told = ("name", "dataset", "licence", "homepage")
    sources = [
        {"digest": str(each.get("tree") or each["digest"])}
        | {key: str(each.get(key, "")) for key in told}
        for each in facts["sources"]
    ]
    found = _weights(f"weights of the run {run}", folder.name, licence, {name: marker[name]})
    return {**found, "sources": sources, "before": facts.get("weights", [])}


def _folder_of(name: str) -> Path | None:
    """The file or folder that a name of weights means on this machine, None where there is none."""
    path = Path(name).expanduser()
    if path.exists():
        return path
    try:
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(name, "config.json")
    except (ImportError, ValueError):  # no such package, or no name of a repository
        return None
    return Path(cached).parent if isinstance(cached, str) else None


def _digests(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    if path.is_file():
        return {path.name: sha256_file(path)}
    for patterns in _WEIGHTS:
        there = sorted(each for pattern in patterns for each in path.glob(pattern))
        if there:
            return {each.name: sha256_file(each) for each in there}
    return {}


def _licence(path: Path | None) -> str:
    """What the card beside the weights says, empty where it says nothing."""
    if path is None or not path.is_dir():
        return ""
    from sign_etl.features.folders import told_licence

    told = told_licence(path)
    return "" if told == "unknown" else told


def environment_facts(accelerator: Accelerator, config: TrainConfig) -> dict[str, Any]:
    """Versions and machine of a process that trains, without anything that names the machine."""
    import torch

    versions = {"sign-etl": sign_etl.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    device = accelerator.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "device": name,
        "processes": accelerator.num_processes,
        "precision": config.precision,
        "threads": torch.get_num_threads() if device.type == "cpu" else 0,
        "versions": versions,
    }
