"""`sign-etl cluster`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sign_etl.cli.frame import AsJson, Quiet, Settings, Verbose, command, group
from sign_etl.cli.options import PipelineName
from sign_etl.cli.output import Output

app = group("cluster", "Batch jobs: a build on SLURM or Kubernetes.")


@command(
    app,
    "render",
    examples=(
        "sign-etl cluster render slurm wlasl100 --build /data/wlasl100 --store /data/store",
        "sign-etl cluster render slurm mine.yaml --build /data/mine --store /data/store --ray "
        "--nodes 8 --gpus 4",
        "sign-etl cluster render kuberay wlasl100 --build /data/wlasl100 --store /data/store "
        "--claim signs",
    ),
)
def render(
    target: Annotated[
        Literal["slurm", "kuberay"], typer.Argument(help="Which system the files are for.")
    ],
    name: PipelineName,
    build: Annotated[
        str, typer.Option("--build", help="The build folder, where every node sees it.")
    ],
    store: Annotated[str, typer.Option("--store", help="The store, likewise.")],
    out_path: Annotated[Path, typer.Option("--out", "-o", help="Folder for the files.")] = Path(
        "cluster"
    ),
    ray: Annotated[
        bool, typer.Option("--ray", help="One Ray cluster instead of an array (SLURM).")
    ] = False,
    shards: Annotated[
        int | None,
        typer.Option("--shards", min=1, help="Shards of the plan; default: the plan is made."),
    ] = None,
    tasks: Annotated[int, typer.Option("--tasks", min=1, help="Tasks of the array.")] = 64,
    parallel: Annotated[
        int, typer.Option("--parallel", min=1, help="Of them at the same time.")
    ] = 16,
    nodes: Annotated[int, typer.Option("--nodes", min=1, help="Nodes of a Ray cluster.")] = 2,
    cpus: Annotated[int, typer.Option("--cpus", min=1, help="CPUs of a task or node.")] = 8,
    memory_gb: Annotated[
        int, typer.Option("--memory-gb", min=1, help="Memory of a task or node, in GiB.")
    ] = 32,
    gpus: Annotated[int, typer.Option("--gpus", min=0, help="GPUs of a task or node.")] = 0,
    time: Annotated[str, typer.Option("--time", help="Time limit (SLURM).")] = "08:00:00",
    partition: Annotated[str | None, typer.Option("--partition", help="SLURM partition.")] = None,
    account: Annotated[str | None, typer.Option("--account", help="SLURM account.")] = None,
    image: Annotated[
        str | None, typer.Option("--image", help="Container image with sign-etl (KubeRay).")
    ] = None,
    claim: Annotated[
        str,
        typer.Option("--claim", help="Volume claim; it is mounted as /data (KubeRay)."),
    ] = "sign-etl",
    namespace: Annotated[str, typer.Option("--namespace", help="Namespace (KubeRay).")] = "default",
    media: Annotated[
        Path | None, typer.Option("--media", help="Folder with the files, where nodes see it.")
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option("--annotations", help="The annotation file, likewise.")
    ] = None,
    settings: Settings = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Write the files of a batch job that builds a data set.

    SLURM: an array whose tasks build some shards each and are put back into the queue when they
    are stopped, and a last job that publishes. KubeRay: a RayJob with a cluster of its own.
    """
    from sign_etl.app.cluster import ClusterJob, render
    from sign_etl.app.plan import plan
    from sign_etl.app.prepare import IngestRequest
    from sign_etl.schema.build_replies import ClusterRender

    out = Output.of(as_json=as_json, quiet=quiet)
    arguments = [word for setting in settings or () for word in ("--set", setting)]
    for flag, place in (("--media", media), ("--annotations", annotations)):
        if place is not None:
            arguments += [flag, str(place.absolute())]
    if target == "slurm" and not ray and shards is None:
        request = IngestRequest(
            name, media=media, annotations=annotations, settings=tuple(settings or ())
        )
        shards = max(1, plan(request).shards)
    job = ClusterJob(
        pipeline=name,
        build=build,
        store=store,
        arguments=tuple(arguments),
        shards=shards or 1,
        tasks=tasks,
        parallel=parallel,
        nodes=nodes,
        cpus=cpus,
        memory_gb=memory_gb,
        gpus=gpus,
        time=time,
        partition=partition,
        account=account,
        **({"image": image} if image else {}),
        claim=claim,
        namespace=namespace,
    )
    paths = [str(path) for path in render(job, target, out_path, ray=ray)]
    reply = ClusterRender(target=target, files=tuple(paths), shards=shards)
    out.data(reply.to_json(), schema=reply.command)
    out.names(paths)
    for path in paths:
        out.text(path)
    if target == "kuberay":
        out.note(f"Submit it: kubectl apply -f {paths[0]}")
    else:
        out.note(f"Submit it: {'sbatch' if ray else 'bash'} {paths[0]}")
