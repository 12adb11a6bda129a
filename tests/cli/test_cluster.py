"""`cluster render`: the scripts run as they stand, and the real consumers take the documents."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from process import halted, is_sent, sign_etl, tree, wait_for
from tiny_run import write_videos

from sign_etl.core.seams import VARIABLE

NAMES = [f"{label}/v{number}.mp4" for label in ("one", "two", "three") for number in range(3)]
SETTINGS = ("--set", "pose={}", "--set", "normalise.short_side=64", "--set", "pack.shard_clips=2")
TASKS = 3

SBATCH = """\
#!/bin/bash
# Runs what it is given at once, as a cluster with one free node would.
script="${@: -1}"
echo "$@" >> "$SLURM_LOG"
spec=$(grep -m1 -oP '^#SBATCH --array=\\K[0-9-]+' "$script" || true)
export SLURM_JOB_ID=$((100 + $(wc -l < "$SLURM_LOG")))
export SLURM_CPUS_PER_TASK=1
if [ -n "$spec" ]; then
    export SLURM_ARRAY_JOB_ID=$SLURM_JOB_ID
    for id in $(seq "${spec%-*}" "${spec#*-}" | sort -r); do
        SLURM_ARRAY_TASK_ID=$id bash "$script" >> "$SLURM_LOG.out" 2>&1
    done
else
    bash "$script" >> "$SLURM_LOG.out" 2>&1
fi
echo "$SLURM_JOB_ID;cluster"
"""
SCONTROL = '#!/bin/bash\necho "$@" >> "$SLURM_LOG.scontrol"\n'
KNOWN_OPTIONS = {
    *("job-name", "array", "nodes", "ntasks", "ntasks-per-node", "cpus-per-task", "mem", "time"),
    *("requeue", "open-mode", "signal", "output", "partition", "account", "gpus-per-node"),
}
"""As `sbatch --help` names them."""


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_videos(tmp_path_factory.mktemp("media"), NAMES)


@pytest.fixture
def slurm(tmp_path: Path) -> dict[str, str]:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (("sbatch", SBATCH), ("scontrol", SCONTROL)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    command = tools / "sign-etl"
    command.write_text(f'#!/bin/bash\nexec "{sys.executable}" -m sign_etl "$@"\n')
    command.chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "SLURM_LOG": str(tmp_path / "log")}


def rendered(tmp_path: Path, media: Path, *more: str) -> Path:
    folder = tmp_path / "job's files"
    sign_etl(
        *("cluster", "render", "slurm", "folder", "--media", media, "--out", folder),
        *("--build", tmp_path / "the $(build)", "--store", tmp_path / "store", *SETTINGS),
        *("--tasks", str(TASKS), *more),
    )
    return folder


def run(script: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(script)],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        check=False,
        timeout=1100,
    )


@pytest.mark.slow
def test_an_array_gives_the_build_of_one_run(
    tmp_path: Path, media: Path, slurm: dict[str, str]
) -> None:
    quiet = tmp_path / "quiet"
    sign_etl("ingest", "folder", "--media", media, "--out", quiet, *SETTINGS)
    folder = rendered(tmp_path, media)
    done = run(folder / "submit.sh", slurm)
    assert done.returncode == 0, done.stderr + Path(f"{slurm['SLURM_LOG']}.out").read_text()
    assert "array 101, publish 102" in done.stdout
    submitted = Path(slurm["SLURM_LOG"]).read_text().splitlines()
    assert submitted == [
        "--parsable array.sbatch",
        "--parsable --dependency=afterany:101 publish.sbatch",
    ]
    assert tree(tmp_path / "the $(build)") == tree(quiet)


def test_a_preempted_task_goes_back_into_the_queue(
    tmp_path: Path, media: Path, slurm: dict[str, str]
) -> None:
    folder = rendered(tmp_path, media, "--shards", "5")
    env = {
        **os.environ,
        **slurm,
        "SLURM_ARRAY_TASK_ID": "0",
        "SLURM_ARRAY_JOB_ID": "7",
        "SLURM_JOB_ID": "8",
        "SLURM_CPUS_PER_TASK": "1",
        VARIABLE: "journal.after-append#1:halt",
    }
    process = subprocess.Popen(
        ["bash", str(folder / "array.sbatch")], env=env, stderr=subprocess.PIPE, text=True
    )

    def standing() -> list[int]:
        family = psutil.Process(process.pid).children(recursive=True)
        return [child.pid for child in family if halted(child.pid)]

    wait_for(lambda: bool(standing()), process, 900)
    [task] = standing()
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: is_sent(task, signal.SIGTERM), process, 900)  # the script hands it on
    os.kill(task, signal.SIGCONT)
    _, errors = process.communicate(timeout=1100)
    assert process.returncode == 75, errors
    assert Path(f"{slurm['SLURM_LOG']}.scontrol").read_text() == "requeue 7_0\n"


@pytest.mark.parametrize("ray", [False, True], ids=["array", "ray"])
def test_scripts_are_bash_and_their_options_are_those_of_sbatch(
    tmp_path: Path, media: Path, ray: bool
) -> None:
    more = ("--ray", "--nodes", "3", "--gpus", "2") if ray else ("--shards", "5")
    folder = rendered(tmp_path, media, *more, "--partition", "long", "--account", "signs")
    scripts = sorted(folder.iterdir())
    assert [path.name for path in scripts] == (
        ["ray.sbatch"] if ray else ["array.sbatch", "publish.sbatch", "submit.sh"]
    )
    for script in scripts:
        assert run_syntax(script).returncode == 0
        text = script.read_text()
        assert not re.search(r"@[a-z_]+@", text)
        head = text.partition("\nset -")[0]
        options = re.findall(r"^#SBATCH --([a-z-]+)(?:=(\S+))?$", head, re.MULTILINE)
        assert len(options) == head.count("#SBATCH")
        assert {name for name, _ in options} <= KNOWN_OPTIONS
        if script.suffix == ".sbatch":
            assert {"signal": "B:TERM@300", "partition": "long"}.items() <= dict(options).items()


def run_syntax(script: Path) -> subprocess.CompletedProcess[str]:
    shell = shutil.which("bash")
    assert shell
    return subprocess.run([shell, "-n", str(script)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "flags",
    [("--time", "soon"), ("--partition", "a b; rm"), ("--account", "$(id)"), ("--time", "1:1\n")],
    ids=["time", "partition", "account", "line"],
)
def test_values_that_no_cluster_takes(tmp_path: Path, media: Path, flags: tuple[str, str]) -> None:
    done = sign_etl(
        *("cluster", "render", "slurm", "folder", "--media", media, "--out", tmp_path / "job"),
        *("--build", "b", "--store", "s", "--shards", "2", *flags),
        expect=2,
    )
    assert flags[0] in done.stderr
    assert not (tmp_path / "job").exists()


def ray_job(tmp_path: Path, *more: str) -> list[Any]:
    sign_etl(
        *("cluster", "render", "kuberay", "wlasl100", "--out", tmp_path, "--set", "seed=3"),
        *("--build", "/data/my build", "--store", "/data/store", "--nodes", "4", *more),
    )
    return list(yaml.safe_load_all((tmp_path / "rayjob.yaml").read_text()))


def test_ray_reads_the_cluster_of_a_ray_job(tmp_path: Path) -> None:
    """Ray's own reader of KubeRay clusters derives the nodes that were asked for."""
    config = pytest.importorskip("ray.autoscaler._private.kuberay.autoscaling_config")
    _, job = ray_job(tmp_path, "--gpus", "2", "--cpus", "12", "--memory-gb", "48")
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = {"metadata": job["metadata"], "spec": job["spec"]["rayClusterSpec"]}
    derived = config._derive_autoscaling_config_from_ray_cr(cluster)
    types = derived["available_node_types"]
    assert types["headgroup"]["resources"]["CPU"] == 0
    workers = types["workers"]
    assert workers["max_workers"] == 4
    assert {"CPU": 12, "GPU": 2}.items() <= workers["resources"].items()
    assert workers["resources"]["memory"] == 48 << 30


def test_a_ray_job_carries_its_pipeline(tmp_path: Path) -> None:
    config_map, job = ray_job(tmp_path)
    (tmp_path / "carried.yaml").write_text(config_map["data"]["pipeline.yaml"])
    checked = sign_etl("pipelines", "validate", tmp_path / "carried.yaml", "--json")
    assert json.loads(checked.stdout)["data"]["files"][0]["valid"]
    assert job["spec"]["entrypoint"] == (
        "sign-etl ingest /etc/sign-etl/pipeline.yaml --out '/data/my build' --store /data/store"
        " --set seed=3 --runner ray --ray-address auto"
    )
    mounted = job["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    names = {volume["name"] for volume in mounted["volumes"]}
    assert {mount["name"] for mount in mounted["containers"][0]["volumeMounts"]} == names
    assert mounted["volumes"][1]["configMap"]["name"] == config_map["metadata"]["name"]
