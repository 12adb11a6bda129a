"""`cluster render`: a build as a batch job, for SLURM or for KubeRay.

SLURM gets shell scripts from the templates in `pipelines/cluster/`; every value that a person gave
is quoted for the shell. KubeRay gets a document made as values, so nothing needs to be quoted.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sign_etl import __version__
from sign_etl.app.pipelines import find, load
from sign_etl.core.content import content_dir
from sign_etl.core.errors import UsageError
from sign_etl.core.files import atomic_open

GRACE_S = 300
"""SLURM warns so long before the end: clips in hand are finished, the state is saved."""
MOUNT = "/data"
"""Where the shared volume is in the containers."""
RAY_VERSION = "2.60.0"
_TIME = re.compile(r"(\d+-)?\d{1,2}(:\d{2}){1,2}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._,:=/+-]*")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class ClusterJob:
    """A build as a batch job.

    Attributes:
        pipeline: name of a pipeline, or a YAML file.
        build: the build folder, on storage that every node sees.
        store: the store, likewise.
        arguments: further arguments of `sign-etl ingest`.
        shards: shards of the plan, for SLURM arrays.
        tasks: tasks of the array at most.
        parallel: of them at the same time.
        nodes: nodes (of a Ray cluster).
        cpus, memory_gb, gpus: of each task or node; memory in GiB.
        time: limit, as SLURM writes it (`08:00:00`, `2-00:00:00`).
        partition, account: of SLURM, None for the default.
        image: container image (KubeRay).
        claim: persistent volume claim that holds build, store and media (KubeRay).
        namespace: of Kubernetes.
    """

    pipeline: str
    build: str
    store: str
    arguments: tuple[str, ...] = ()
    shards: int = 1
    tasks: int = 64
    parallel: int = 16
    nodes: int = 2
    cpus: int = 8
    memory_gb: int = 32
    gpus: int = 0
    time: str = "08:00:00"
    partition: str | None = None
    account: str | None = None
    image: str = f"sign-etl:{__version__}"
    claim: str = "sign-etl"
    namespace: str = "default"


def render(
    job: ClusterJob, target: Literal["slurm", "kuberay"], folder: Path, *, ray: bool = False
) -> list[Path]:
    """Write the files of a batch job.

    Args:
        job: the build.
        target: which system.
        folder: where the files go.
        ray: one Ray cluster instead of an array of tasks (SLURM).

    Returns:
        The files, the one to submit first.

    Raises:
        UsageError: a value that the system would not take.
        ConfigError: no such pipeline.

    Example:
        >>> files = render(job, "slurm", Path("cluster"))
    """
    _check(job)
    if target == "kuberay":
        return [_write(folder / "rayjob.yaml", kuberay(job))]
    folder.mkdir(parents=True, exist_ok=True)
    where = folder.absolute()
    if ray:
        return [_write(folder / "ray.sbatch", slurm_ray(job, where))]
    return [
        _write(folder / "submit.sh", _filled("submit.sh", _values(job, where)), executable=True),
        _write(folder / "array.sbatch", slurm_array(job, where)),
        _write(folder / "publish.sbatch", _filled("slurm-publish.sbatch", _values(job, where))),
    ]


def slurm_array(job: ClusterJob, folder: Path) -> str:
    """The script of an array whose tasks build some shards each."""
    per_task = -(-job.shards // max(1, min(job.tasks, job.shards)))
    tasks = -(-job.shards // per_task)
    values = {
        "shards_per_task": str(per_task),
        "last_task": str(tasks - 1),
        "last_shard": str(job.shards - 1),
        "parallel": str(max(1, min(job.parallel, tasks))),
    }
    return _filled("slurm-array.sbatch", _values(job, folder) | values)


def slurm_ray(job: ClusterJob, folder: Path) -> str:
    """The script of one Ray cluster over several nodes."""
    gpus = f"--num-gpus={job.gpus}" if job.gpus else ""
    values = {"nodes": str(job.nodes), "ray_gpus": gpus}
    return _filled("slurm-ray.sbatch", _values(job, folder) | values)


def kuberay(job: ClusterJob) -> str:
    """A RayJob: a cluster for this build, which goes when the build is done.

    The pipeline's file travels in a ConfigMap of the same document.
    """
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as such, and no aliases."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> Any:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    name = _kubernetes_name(load(job.pipeline).name)
    document = [_config_map(job, name), _ray_job(job, name)]
    return str(yaml.dump_all(document, Dumper=Dumper, sort_keys=False, allow_unicode=True))


def _ray_job(job: ClusterJob, name: str) -> dict[str, Any]:
    command = (
        *("sign-etl", "ingest", "/etc/sign-etl/pipeline.yaml"),
        *("--out", job.build, "--store", job.store, *job.arguments),
        *("--runner", "ray", "--ray-address", "auto"),
    )
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": name, "namespace": job.namespace},
        "spec": {
            "entrypoint": shlex.join(command),
            "submissionMode": "K8sJobMode",
            "backoffLimit": 3,
            "shutdownAfterJobFinishes": True,
            "ttlSecondsAfterFinished": 600,
            "rayClusterSpec": {
                "rayVersion": RAY_VERSION,
                # The head keeps the books and takes no work, so that no clip can kill it.
                "headGroupSpec": {
                    "rayStartParams": {"num-cpus": "0", "dashboard-host": "0.0.0.0"},
                    "template": _pod(job, name, "ray-head", cpus=2, memory_gb=8, gpus=0),
                },
                "workerGroupSpecs": [
                    {
                        "groupName": "workers",
                        "replicas": job.nodes,
                        "minReplicas": 0,
                        "maxReplicas": job.nodes,
                        "rayStartParams": {},
                        "template": _pod(
                            job,
                            name,
                            "ray-worker",
                            cpus=job.cpus,
                            memory_gb=job.memory_gb,
                            gpus=job.gpus,
                        ),
                    }
                ],
            },
        },
    }


def _pod(
    job: ClusterJob, name: str, container: str, *, cpus: int, memory_gb: int, gpus: int
) -> dict[str, Any]:
    amounts: dict[str, Any] = {"cpu": str(cpus), "memory": f"{memory_gb}Gi"}
    if gpus:
        amounts["nvidia.com/gpu"] = gpus
    return {
        "spec": {
            "securityContext": {"runAsNonRoot": True, "runAsUser": 1001, "fsGroup": 1001},
            "containers": [
                {
                    "name": container,
                    "image": job.image,
                    "resources": {"requests": dict(amounts), "limits": dict(amounts)},
                    "volumeMounts": [
                        {"name": "data", "mountPath": MOUNT},
                        {"name": "pipeline", "mountPath": "/etc/sign-etl", "readOnly": True},
                        # Ray's object store wants shared memory, and a pod has 64 MiB of it.
                        {"name": "shm", "mountPath": "/dev/shm"},
                    ],
                }
            ],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": job.claim}},
                {"name": "pipeline", "configMap": {"name": name}},
                {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}},
            ],
        }
    }


def _config_map(job: ClusterJob, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": job.namespace},
        "data": {"pipeline.yaml": find(job.pipeline).text},
    }


def _kubernetes_name(name: str) -> str:
    found = re.sub(r"[^a-z0-9-]+", "-", f"sign-etl-{name}").strip("-")[:42].strip("-")
    if not _NAME.fullmatch(found):
        raise UsageError(f"`{name}` makes no name for Kubernetes", hint="use a-z, 0-9 and -")
    return found


def _check(job: ClusterJob) -> None:
    for value in ("shards", "tasks", "parallel", "nodes", "cpus", "memory_gb"):
        if getattr(job, value) < 1:
            hint = "see `sign-etl cluster render --help`"
            raise UsageError(f"--{value.replace('_', '-')} must be at least 1", hint=hint)
    if not _TIME.fullmatch(job.time):
        raise UsageError(f"--time {job.time} is no time limit", hint="as in 08:00:00 or 2-00:00:00")
    for flag in ("partition", "account", "image", "claim", "namespace"):
        value = getattr(job, flag)
        if value is not None and not _WORD.fullmatch(value):
            hint = "letters, digits and . _ , : = / + - are"
            raise UsageError(f"--{flag} {value!r} has characters that no such name has", hint=hint)


def _values(job: ClusterJob, folder: Path) -> dict[str, str]:
    name = load(job.pipeline).name
    # A task runs in the folder of the scripts: what is named from here is named in full.
    file = Path(job.pipeline)
    pipeline = str(file.absolute()) if file.suffix in (".yaml", ".yml") else job.pipeline
    build, store = (str(Path(place).absolute()) for place in (job.build, job.store))
    command = (
        *("sign-etl", "ingest", pipeline, "--out", build, "--store", store, "--quiet"),
        *job.arguments,
    )
    options = [
        f"#SBATCH --{flag}={value}"
        for flag, value in (
            ("partition", job.partition),
            ("account", job.account),
            ("gpus-per-node", job.gpus or None),
        )
        if value is not None
    ]
    return {
        "job": f"sign-etl-{name}",
        "cpus": str(job.cpus),
        "memory_gb": str(job.memory_gb),
        "time": job.time,
        "grace_s": str(GRACE_S),
        "more_options": "\n".join(options),
        "folder": shlex.quote(str(folder)),
        "command": shlex.join(command),
        "watch": shlex.quote(f"sign-etl status {shlex.quote(build)}"),
    }


def _filled(template: str, values: Mapping[str, str]) -> str:
    text = (content_dir("pipelines") / "cluster" / template).read_text("utf-8")
    filled = re.sub(r"@([a-z_]+)@", lambda found: values[found[1]], text)
    return re.sub(r"\n{3,}", "\n\n", filled)


def _write(path: Path, text: str, *, executable: bool = False) -> Path:
    with atomic_open(path) as file:
        file.write(text.encode("utf-8"))
    if executable:
        path.chmod(path.stat().st_mode | 0o111)
    return path
