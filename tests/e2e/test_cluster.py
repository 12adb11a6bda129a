"""Clusters of several nodes: what dies takes nothing along, and what is missing is told at once.

The nodes are Ray's own test nodes: processes of one machine that have nothing in common but the
network and the disk.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from process import journal_lines, kill_group, sign_etl, start, tree, wait_for_halt

from sign_etl.core.seams import VARIABLE
from sign_etl.run.starting import start_patiently

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(1800)]

LIMIT_S = 900
ONE_CPU = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three nodes of one CPU each, and a GPU in name; tests that lose a node add another."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    found: list[Any] = []
    head = ONE_CPU | {"num_gpus": 1}
    start_patiently(lambda: found.append(Cluster(initialize_head=True, head_node_args=head)))
    [made] = found
    for _ in range(2):
        add_node(made)
    yield made
    made.shutdown()


def add_node(cluster: Any) -> None:
    start_patiently(lambda: cluster.add_node(**ONE_CPU))


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The drawn clips are shared by all builds. A dead head is given up soon."""
    return {
        "SIGN_ETL_CACHE": str(tmp_path_factory.mktemp("cache")),
        "RAY_gcs_rpc_server_reconnect_timeout_s": "5",
    }


def arguments(out: Path, *more: str) -> list[str | Path]:
    """The demo with the drawn joints, in small pictures: all stages, little work."""
    return [
        *("ingest", "demo", "--out", out, "--store", out.with_name("store")),
        *("--set", "pose={truth: {}}", "--set", "normalise.short_side=64"),
        *("--set", "pack.shard_clips=4", *more),
    ]


def on(cluster: Any, out: Path, *more: str) -> list[str | Path]:
    return arguments(out, "--runner", "ray", "--ray-address", str(cluster.address), *more)


@pytest.fixture(scope="module")
def quiet(env: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The tree of a build that was left in peace, on the local runner."""
    out = tmp_path_factory.mktemp("quiet") / "build"
    sign_etl(*arguments(out), env=env)
    return tree(out)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "build"


def halting(*lines: int) -> dict[str, str]:
    """Environment of a driver that stands still after these lines of its journal."""
    return {VARIABLE: ";".join(f"journal.after-append#{line}:halt" for line in lines)}


def workers(build: Path) -> set[int]:
    """Process ids of the workers that have taken a clip through a stage."""
    log = build / ".sign-etl" / "events.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    events = [json.loads(line) for line in lines if line.endswith("}")]
    names = (event.get("worker", "").partition(":") for event in events)
    return {int(number) for _, colon, number in names if colon}


def node_of(cluster: Any, worker: int) -> Any:
    """The node that a worker belongs to, None for the head and for a worker that is gone."""
    try:
        parents = {parent.pid for parent in psutil.Process(worker).parents()}
    except psutil.NoSuchProcess:
        return None
    for node in cluster.worker_nodes:
        if any(info.process.pid in parents for info in node.all_processes["raylet"]):
            return node
    return None


@pytest.mark.parametrize("own", [True, False], ids=["own cluster", "given cluster"])
def test_a_gpu_that_no_node_has_is_told_at_once(
    cluster: Any, env: dict[str, str], out: Path, own: bool
) -> None:
    choice = ("--set", "pools.pose.gpus=64")
    command = arguments(out, "--runner", "ray", *choice) if own else on(cluster, out, *choice)
    refused = sign_etl(*command, expect=2, env=env)
    assert "error: the pools want 64 GPUs, the cluster has " in refused.stderr
    assert "hint: set `pools.pose.gpus: 0`" in refused.stderr
    assert journal_lines(out) <= 2  # what was found to be broken needs no cluster
    assert not (out / "manifest.json").exists()


def test_batches_on_gpus_give_the_same_bytes(
    cluster: Any, env: dict[str, str], quiet: dict[str, str], out: Path
) -> None:
    """A pool that decodes and one that estimates; the drawn joints do not mind what a GPU is."""
    settings = ("--set", "pools.pose.gpus=0.5", "--set", "pools.pose.batch=4")
    sign_etl(*on(cluster, out, *settings), env=env)
    assert tree(out) == quiet
    log = (out / ".sign-etl" / "events.jsonl").read_text(encoding="utf-8")
    done = [event for event in map(json.loads, log.splitlines()) if event["event"] == "done"]
    by_stage = {
        stage: {event["worker"] for event in done if event["stage"] == stage}
        for stage in ("normalise", "pose:truth", "quality")
    }
    assert by_stage["pose:truth"] == by_stage["quality"]
    assert not by_stage["normalise"] & by_stage["pose:truth"]


def test_workers_that_always_die_are_not_replaced_for_ever(
    env: dict[str, str], quiet: dict[str, str], out: Path
) -> None:
    """On a cluster of its own, whose workers have the environment of the command."""
    # So that the driver itself has nothing to put into the store.
    sign_etl(*arguments(out.with_name("other"), "--set", "pose={}"), env=env)
    shutil.rmtree(out.with_name("store") / "actions" / "normalise")
    deadly = env | {VARIABLE: "store.before-action:kill"}
    stopped = sign_etl(*arguments(out, "--runner", "ray", "--jobs", "1"), expect=75, env=deadly)
    assert "error: workers were lost 3 times without one clip at its end" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    sign_etl(*arguments(out), env=env)
    assert tree(out) == quiet


def test_a_killed_node_changes_nothing(
    cluster: Any, env: dict[str, str], quiet: dict[str, str], tmp_path: Path
) -> None:
    for number in range(3):  # on a busy machine only the workers of the head may have begun
        out = tmp_path / str(number) / "build"
        output = _with_a_killed_node(cluster, env, out)
        assert "Traceback" not in output
        assert tree(out) == quiet
        if "a node or a worker was lost" in output:
            return
    pytest.fail("no node was lost in time")


def _with_a_killed_node(cluster: Any, env: dict[str, str], out: Path) -> str:
    """What a run says in whose middle the node of one of its workers is killed."""
    stops = (4, 8, 12)  # by the last of them the workers of all nodes should have begun
    process = start(*on(cluster, out), env=env | halting(*stops))
    lost = False
    for _ in stops:
        wait_for_halt(process, LIMIT_S)
        found = (node_of(cluster, worker) for worker in workers(out))
        victim = next((node for node in found if node is not None), None)
        if victim is not None and not lost:
            cluster.remove_node(victim, allow_graceful=False)
            lost = True
        os.kill(process.pid, signal.SIGCONT)
    output, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0, output
    if lost:
        add_node(cluster)
    return output


def test_a_killed_driver_goes_on(
    cluster: Any, env: dict[str, str], quiet: dict[str, str], out: Path
) -> None:
    process = start(*on(cluster, out), env=env | halting(5))
    wait_for_halt(process, LIMIT_S)
    kill_group(process)
    assert journal_lines(out) == 5
    sign_etl(*arguments(out), env=env)  # whoever goes on
    assert tree(out) == quiet


def test_a_killed_head_goes_on_elsewhere(
    cluster: Any, env: dict[str, str], quiet: dict[str, str], out: Path
) -> None:
    """The last test: nothing is left of the cluster."""
    process = start(*on(cluster, out), env=env | halting(5))
    wait_for_halt(process, LIMIT_S)
    cluster.remove_node(cluster.head_node, allow_graceful=False)
    os.kill(process.pid, signal.SIGCONT)
    process.communicate(timeout=LIMIT_S)
    assert process.returncode != 0
    assert not (out / "manifest.json").exists()
    sign_etl(*arguments(out), env=env)
    assert tree(out) == quiet
