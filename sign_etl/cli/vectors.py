"""`sign-etl embed`, `similarity` and `knn`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sign_etl.cli.frame import AsJson, Quiet, Verbose, command, group
from sign_etl.cli.options import Data, RunFolder
from sign_etl.cli.output import Output, count_text
from sign_etl.core.errors import UsageError

app = group("vectors", "After training.")

Splits = Annotated[
    list[str] | None, typer.Option("--split", metavar="SPLIT", help="A split; may be repeated.")
]
SHOWN = 10


@command(
    app,
    "embed",
    examples=(
        "sign-etl embed runs/spoter_embeddings-fosshack --data builds/fosshack --out all.parquet",
    ),
)
def embed(
    run: RunFolder,
    out_path: Annotated[Path, typer.Option("--out", "-o", help="The Parquet file to write.")],
    data: Data = None,
    splits: Splits = None,
    logits: Annotated[
        bool, typer.Option("--logits", help="Keep the scores of a classifier too.")
    ] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Write the vector of every clip of a build into a table.

    A metric model gives its embedding, a classifier what its last layer reads.
    """
    from sign_etl.app.vectors import embed as run_embedding

    if not data:
        raise UsageError("no build given", hint=f"sign-etl embed {run} --data builds/NAME")
    out = Output.of(as_json=as_json, quiet=quiet)
    reply = run_embedding(run, data, splits or (), out_path, logits=logits)
    out.data(reply.to_json(), schema=reply.command)
    out.names([reply.file])
    out.text(f"{reply.file}: {count_text(reply.clips, 'clip')}, {reply.size} numbers each")
    if reply.damaged:
        out.warn(f"{count_text(reply.damaged, 'clip')} could not be read")


@command(
    app,
    "similarity",
    examples=(
        "sign-etl similarity all.parquet --out similar",
        "sign-etl similarity runs/spoter-fosshack --data builds/fosshack --out similar"
        " --variant mean_embeds",
    ),
)
def similarity(
    what: Annotated[
        Path,
        typer.Argument(metavar="VECTORS|RUN", help="A table of vectors, or a run with --data."),
    ],
    out_path: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")],
    data: Data = None,
    splits: Splits = None,
    variant: Annotated[
        Literal["rnd_smpl", "mean_embeds"],
        typer.Option(
            "--variant", help="By mean distances of drawn clips, or by cosines of class means."
        ),
    ] = "rnd_smpl",
    alpha: Annotated[
        float,
        typer.Option(
            "--alpha", min=0, max=1, help="Share of a soft target that similar classes get."
        ),
    ] = 0.1,
    beta: Annotated[
        float,
        typer.Option("--beta", min=0, help="How quickly similarity falls with distance."),
    ] = 0.5,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draws.")] = 0,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Tell how similar signs are, and make soft targets of it.

    Writes the matrix, soft targets (.npy and Parquet), the closest pairs and a heat map. The
    training split counts, unless --split names others.
    """
    from sign_etl.app.vectors import similarity as run_similarity

    out = Output.of(as_json=as_json, quiet=quiet)
    reply = run_similarity(
        what,
        data or (),
        splits or (),
        out_path,
        variant=variant,
        alpha=alpha,
        beta=beta,
        seed=seed,
    )
    out.data(reply.to_json(), schema=reply.command)
    out.names([reply.folder])
    out.table(
        ("sign", "similar to", "degree"),
        [(pair.label, pair.similar_to, f"{pair.similarity:.3f}") for pair in reply.closest[:SHOWN]],
    )
    if reply.without_clips:
        out.warn(f"{count_text(len(reply.without_clips), 'class')} without clips: similar to none")
    out.note(f"Soft targets, {count_text(len(reply.closest), 'pair')}, heat map: {reply.folder}")


@command(
    app,
    "knn",
    examples=(
        "sign-etl knn test.parquet --gallery train.parquet",
        "sign-etl knn lsa64.parquet --gallery wlasl.parquet --k 1 --k 10",
    ),
)
def knn(
    queries: Annotated[
        Path, typer.Argument(metavar="QUERY.parquet", help="Vectors of clips to be named.")
    ],
    gallery: Annotated[
        Path, typer.Option("--gallery", help="Vectors of clips whose names are taken.")
    ],
    nears: Annotated[
        list[int] | None,
        typer.Option("--k", min=1, help="Neighbours to look at; may be repeated; default 1 and 5."),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
    verbose: Verbose = 0,
) -> None:
    """Name clips by their neighbours, without training on them.

    Vectors of different builds are compared by normal label.
    """
    from sign_etl.app.vectors import knn as run_knn

    out = Output.of(as_json=as_json, quiet=quiet)
    reply = run_knn(queries, gallery, nears or (1, 5))
    out.data(reply.to_json(), schema=reply.command)
    out.names(f"{name} {value:.4f}" for name, value in reply.metrics.items())
    out.text(
        f"{count_text(reply.queries, 'clip')} against {count_text(reply.gallery, 'clip')}"
        f" of {reply.classes:,} classes, by {reply.names.replace('_', ' ')}"
    )
    out.table(
        ("metric", "value"), [(name, f"{value:.4f}") for name, value in reply.metrics.items()]
    )
    if reply.unknown:
        out.note(f"{count_text(reply.unknown, 'clip')} left out: the gallery has not their class")
