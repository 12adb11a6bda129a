"""The same training on the workers of a Ray cluster, by Ray Train.

    python on_ray.py FILE.yaml --data BUILD --out RUN --address auto --workers N [--resume]

Ray finds the machines and starts the processes; what they run is `train` of `train.py`, on as many
ranks. Recipe, builds and run folder have to be at the same place on every node. Checkpoints are
those of `train.py`, in the run folder: a run may begin here and go on under torchrun.

A lost worker ends the others too. They begin again from the last checkpoint, as long as each try
has left a later one than the try before.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sign_etl.app.stopping import StopRequest, stop_on_signals
from sign_etl.cli.output import Output
from sign_etl.cli.reports import tell_problems
from sign_etl.core.content import content_dir
from sign_etl.core.errors import SignEtlError, Stopped, UsageError, VerifyError
from sign_etl.run.starting import start_patiently
from sign_etl.tasks.checkpoint import checkpoints
from sign_etl.tasks.setup import load_recipe

STOP = ".stop"
"""A file in the run folder that asks all ranks to save and end."""
LOOK_S = 0.5
"""Seconds between two looks at a signal."""


class StopFile(StopRequest):
    """Set by a file, since no signal reaches the ranks of a cluster."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def is_set(self) -> bool:
        """Whether the file is there."""
        return super().is_set() or self._path.exists()


def rank(job: Mapping[str, Any]) -> None:
    """What each worker does; Ray has made the process group already."""
    from sign_etl.tasks.run_folder import hold_run

    path = content_dir("training") / "train.py"
    spec = importlib.util.spec_from_file_location("sign_etl_train_program", path)
    assert spec is not None
    assert spec.loader is not None
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    out, first = Path(job["out"]), os.environ["RANK"] == "0"
    config = load_recipe(Path(job["recipe"]), job["settings"])
    # A second try is a resumed run, and where there is no checkpoint yet, a resumed run begins.
    with hold_run(out, alone=first):
        say = Output().note
        # All ranks stop at the same step, and Ray would tell an exception at length.
        with contextlib.suppress(Stopped):
            program.train(config, job["data"], out, resume=True, stop=StopFile(out / STOP), say=say)


def train_on_ray(
    job: Mapping[str, Any], address: str, workers: int, say: Callable[[str], None]
) -> None:
    """Train on a cluster, to the end.

    Args:
        job: `recipe`, `settings`, `data` and `out`.
        address: of the cluster; `local` for one of its own on this machine.
        workers: ranks, over all nodes.
        say: told how it goes.

    Raises:
        Stopped: SIGTERM or Ctrl-C; a checkpoint was saved.
        SignEtlError: what a rank has said.
        VerifyError: workers were lost twice at the same checkpoint.
    """
    import ray
    from ray.train import TrainingFailedError

    run, reached = Path(job["out"]), -1
    run.mkdir(parents=True, exist_ok=True)
    (run / STOP).unlink(missing_ok=True)
    _connect(address, workers, say)
    try:
        with stop_on_signals() as stop:
            while True:
                try:
                    _fit(job, workers, stop)
                    break
                except TrainingFailedError as error:
                    failures = getattr(error, "worker_failures", {}).values()
                    for failure in failures:
                        if isinstance(failure, SignEtlError):
                            raise failure from None
                    steps = max((int(path.name[5:]) for path in checkpoints(run)), default=0)
                    if steps <= reached:
                        names = sorted({type(failure).__name__ for failure in failures})
                        raise VerifyError(
                            f"workers fail again after step {steps}: {', '.join(names)}",
                            hint="the logs of Ray tell more; --resume goes on",
                        ) from error
                    reached = steps
                    say(f"workers were lost; going on from step {steps}")
            if stop.is_set():
                raise stop.error("run the same command with --resume")
    finally:
        (run / STOP).unlink(missing_ok=True)
        ray.shutdown()


def _connect(address: str, workers: int, say: Callable[[str], None]) -> None:
    """Join a cluster; one of its own has a CPU for each worker, whatever the machine has."""
    import ray

    os.environ["RAY_CHDIR_TO_TRIAL_DIR"] = "0"
    cpus = max(workers, os.cpu_count() or 1) if address == "local" else None
    start_patiently(
        lambda: ray.init(
            address, num_cpus=cpus, include_dashboard=False, logging_level=logging.ERROR
        )
    )
    if (cpus := _resource("CPU")) < workers:
        say(f"the cluster has {cpus} CPUs: {workers} workers wait until it has grown")


def _resource(name: str) -> int:
    """How many of these the cluster has, over all nodes."""
    import ray

    found: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(found.get(name, 0))


def _fit(job: Mapping[str, Any], workers: int, stop: StopRequest) -> None:
    """One try; a signal becomes the file that the ranks look for."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    run = Path(job["out"])
    trainer = TorchTrainer(
        rank,
        train_loop_config=dict(job),
        scaling_config=ScalingConfig(num_workers=workers, use_gpu=_resource("GPU") >= workers),
        run_config=RunConfig(name="ray", storage_path=str(run / "logs")),
    )
    raised: list[BaseException] = []

    def fit() -> None:
        try:
            trainer.fit()
        except BaseException as error:
            raised.append(error)

    # Not here: on the main thread Ray takes the signals for itself.
    thread = threading.Thread(target=fit)
    thread.start()
    stop.keep()
    while thread.is_alive():
        thread.join(LOOK_S)
        if stop.is_set():
            (run / STOP).touch()
    if raised:
        raise raised[0]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; returns its exit code (75: stopped early, `--resume` goes on)."""
    parser = argparse.ArgumentParser(prog="on_ray.py", description="Train by a recipe, on Ray.")
    parser.add_argument("recipe", type=Path, help="a file of training/")
    parser.add_argument("--data", action="append", required=True, help="a build; may be repeated")
    parser.add_argument("--out", type=Path, required=True, help="the run folder")
    parser.add_argument("--address", default="auto", help="of the cluster; `local` starts one")
    parser.add_argument("--workers", type=int, default=1, help="ranks, over all nodes")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    options = parser.parse_args(arguments)
    out, run = Output(), options.out.absolute()
    try:
        load_recipe(options.recipe, options.settings)
        if checkpoints(run) and not options.resume:
            hint = "go on with --resume, or give another --out"
            raise UsageError(f"{options.out} holds a run already", hint=hint)
        job = {
            "recipe": str(options.recipe.absolute()),
            "settings": options.settings,
            "data": [str(Path(d).absolute()) if Path(d).exists() else d for d in options.data],
            "out": str(run),
        }
        train_on_ray(job, options.address, options.workers, out.note)
    except SignEtlError as error:
        problems = getattr(error, "problems", None) or (error,)
        tell_problems(out, [(problem.message, problem.hint) for problem in problems])
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
