"""Training: finding recipes, and running the programs of `training/` as processes of their own.

The programs are content, not modules: they are run by path, from the checkout or from the wheel,
and can be copied and changed. One process runs by plain Python, several through torchrun, and the
workers of a Ray cluster through `on_ray.py`.
"""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from sign_etl.app.stopping import EXIT_INTERRUPTED
from sign_etl.app.train_chain import train_chain
from sign_etl.app.train_list import (
    chain_names,
    chains,
    find_recipe,
    recipe_names,
    recipes,
)
from sign_etl.core.content import content_dir
from sign_etl.core.errors import MissingExtraError, Stopped
from sign_etl.schema.document import read_document
from sign_etl.schema.training import TrainConfig
from sign_etl.schema.training_chain import is_chain
from sign_etl.schema.training_replies import Evaluate, Spread
from sign_etl.tasks.metric_words import words_of

__all__ = [
    "TrainRequest",
    "chain_names",
    "chains",
    "evaluate",
    "find_recipe",
    "launched",
    "need_packages",
    "recipe_names",
    "recipes",
    "train",
]

PACKAGES = ("accelerate", "safetensors", "torch")


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """What the command line asks for.

    Attributes:
        recipe: a name of `recipes`, or a file.
        data: builds.
        out: the run folder; default runs/NAME.
        resume: go on from the last checkpoint.
        settings: `a.b=value`.
        processes: on this machine, or over all nodes of the cluster.
        ray_address: of a Ray cluster that is to run them; `local` starts one on this machine.
    """

    recipe: str
    data: tuple[str, ...]
    out: Path | None = None
    resume: bool = False
    settings: tuple[str, ...] = ()
    processes: int = 1
    ray_address: str | None = None


def train(request: TrainRequest, say: Callable[[str], None] = lambda _: None) -> tuple[Path, int]:
    """Train; returns the run folder and the exit code of the program, which has said why.

    Args:
        request: which recipe on which builds, and how.
        say: told which stage of a chain is on.

    Raises:
        ConfigError: there is no such recipe.
        MissingExtraError: the packages for training, or Ray, are not installed.
        Stopped: SIGTERM came; a checkpoint was saved.

    Example:
        >>> folder, code = train(TrainRequest("spoter/fosshack", ("builds/fosshack",)))
    """
    recipe = find_recipe(request.recipe)
    bundled = request.recipe in recipe_names() + chain_names()
    name = request.recipe.replace("/", "-") if bundled else recipe.stem
    out = request.out or Path("runs") / name
    if is_chain(read_document(recipe)):

        def train_one(stage: Path, data: Sequence[str], run: Path, settings: Sequence[str]) -> int:
            part = replace(
                request, recipe=str(stage), data=tuple(data), out=run, settings=tuple(settings)
            )
            return train(part)[1]

        need_packages()
        return train_chain(
            recipe,
            request.data,
            out,
            request.settings,
            resume=request.resume,
            check=checked,
            train_one=train_one,
            say=say,
        )
    arguments = [str(recipe), *_data(request.data), "--out", str(out)]
    arguments += ["--resume"] if request.resume else []
    for setting in request.settings:
        arguments += ["--set", setting]
    if request.ray_address is None:
        return out, launched("train.py", arguments, processes=request.processes)
    if importlib.util.find_spec("ray") is None:
        raise MissingExtraError("training on a cluster", "ray")
    arguments += ["--address", request.ray_address, "--workers", str(request.processes)]
    return out, launched("on_ray.py", arguments)


def checked(recipe: Path, data: Sequence[str], run: Path, settings: Sequence[str]) -> TrainConfig:
    """The resolved recipe of a training that could begin: its model fits the data that are there.

    Raises:
        SignEtlError: it could not.
    """
    from sign_etl.tasks.setup import load_recipe, open_training

    config = load_recipe(recipe, settings)
    open_training(config, data, run)
    return config


def split_to_ask(run: Path) -> str:
    """The split that a run is to be tested on: `test`, or what its data have instead."""
    path = run / "build.json"
    facts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if facts.get("held_out"):
        return "held-out"
    splits = facts.get("splits", {})
    names = [name for name in splits if name not in ("train", "")]
    return names[-1] if names and "test" not in splits else "test"


def evaluate(
    run: Path, data: Sequence[str], split: str, beside: Sequence[Path] = ()
) -> tuple[Evaluate | None, int]:
    """Evaluate a run on one split; None and an exit code where the program has said why not.

    Args:
        run: a run folder, or a checkpoint in it.
        data: builds.
        split: of them.
        beside: runs of the same recipe with other seeds, for the spread of the results.

    Raises:
        MissingExtraError: the packages for training are not installed.

    Example:
        >>> reply, code = evaluate(Path("runs/words"), ["builds/fosshack"], "test")
    """
    others = [word for other in beside for word in ("--beside", str(other))]
    code = launched("evaluate.py", [str(run), *_data(data), "--split", split, *others])
    if code:
        return None, code
    # A checkpoint's results lie in its run.
    home = run.parent.parent if run.parent.name == "checkpoints" else run
    folder = home / "results" / split
    found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    reply = Evaluate(
        run=str(home),
        split=split,
        clips=found["clips"],
        damaged=found.get("damaged", 0),
        checkpoint=found["checkpoint"],
        metrics=found["metrics"],
        folder=str(folder),
        signature=_signature(folder),
        spread=_spread(folder) if beside else {},
        intervals=found.get("intervals", {}),
        units={name: words_of(name).unit for name in found["metrics"]},
    )
    return reply, 0


def _signature(folder: Path) -> str:
    path = folder / "signature.json"
    if not path.is_file():
        return ""
    return str(json.loads(path.read_text(encoding="utf-8"))["sacrebleu"])


def _spread(folder: Path) -> dict[str, Spread]:
    found = json.loads((folder / "spread.json").read_text(encoding="utf-8"))["metrics"]
    return {name: Spread(**values) for name, values in found.items()}


def launched(program: str, arguments: Sequence[str], *, processes: int = 1) -> int:
    """Run a program of `training/` to its end; SIGTERM is handed on to it.

    Args:
        program: its file.
        arguments: of it.
        processes: more than one through torchrun.

    Returns:
        Its exit code.

    Raises:
        MissingExtraError: the packages for training are not installed.
        Stopped: several processes got SIGTERM (exit 75) or Ctrl-C (130).
    """
    need_packages()
    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", "--standalone"]
        launcher += ["--nproc-per-node", str(processes)]
    process: subprocess.Popen[bytes] | None = None
    terminated = interrupted = False

    def hand_on(number: int, _: FrameType | None) -> None:
        nonlocal terminated
        terminated = True
        if process is not None:
            process.send_signal(number)

    def note(*_: object) -> None:
        nonlocal interrupted
        interrupted = True

    # Before there is a program, so that no signal can miss it. Ctrl-C reaches the whole group by
    # itself; a second signal would end the program at once. It must not inherit that as ignored.
    previous = {
        signal.SIGTERM: signal.signal(signal.SIGTERM, hand_on),
        signal.SIGINT: signal.signal(signal.SIGINT, note),
    }
    try:
        process = subprocess.Popen([*launcher, str(content_dir("training") / program), *arguments])
        if terminated:  # while it was being started
            process.terminate()
        code = process.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if (terminated or interrupted) and processes > 1 and code:  # torchrun has a code of its own
        raise Stopped(
            "stopped before the end; what is done is kept",
            hint="run the same command with --resume",
            exit_code=EXIT_INTERRUPTED if interrupted else Stopped.exit_code,
        )
    return 128 - code if code < 0 else code


def need_packages() -> None:
    """Refuse to begin without the packages for training.

    Raises:
        MissingExtraError: they are not installed.
    """
    for package in PACKAGES:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("training", "train")


def _data(data: Sequence[str]) -> list[str]:
    return [word for build in data for word in ("--data", build)]
