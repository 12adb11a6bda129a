"""The entry point `sign-etl`: the tree of commands, and what becomes of an exception.

Exit codes: 0 done within policy; 1 ran and found problems; 2 usage, configuration or a bug of
ours; 3 needs a person; 75 stopped early and resumable; 130 after Ctrl-C.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from typing import Annotated, Any

import typer
from typer.main import get_command

from sign_etl import __version__
from sign_etl.cli.frame import CONTEXT, Leaf, Tree
from sign_etl.cli.output import Output, hush
from sign_etl.core.errors import SignEtlError, near_miss

SECTIONS: dict[str, dict[str, Leaf]] = {
    "Build": {
        "demo": Leaf("build", "Build a small rendered data set: no network, no GPU, a minute."),
        "ingest": Leaf("build", "Build verified shards from a data set or a pipeline file."),
        "plan": Leaf("build", "Show what a build would hold, before anything runs."),
        "index": Leaf("index", "Index WebDataset tars of others, so that they can be trained on."),
        "retry": Leaf("lineage", "Try rejected clips again that may come back, and nothing else."),
        "revoke": Leaf("lineage", "Take sources or clips out of a build for good."),
        "push": Leaf("push", "Put a build onto object storage, or bring the one there up to date."),
    },
    "Look at a build": {
        "status": Leaf("look", "Tell how far a build is."),
        "verify": Leaf("look", "Check every shard and table of a build against its manifest."),
        "report": Leaf("look", "Tell what is in a build: funnel, splits, copies, leaks, licence."),
        "why": Leaf(
            "lineage",
            "Tell where a clip comes from, or what became of a source.",
        ),
        "lock": Leaf("lock", "Locks: which bytes stand behind each clip, dead ones too.", True),
        "export": Leaf("export", "Write a build in the format of another system."),
        "show": Leaf("show", "Draw clips with their keypoints: a picture, a film, or here."),
    },
    "Train on a build": {
        "train": Leaf("train", "Train a model by a recipe, or list the recipes."),
        "evaluate": Leaf("train", "Evaluate the best weights of a run on one split."),
        "embed": Leaf("vectors", "Write the vector of every clip of a build into a table."),
        "similarity": Leaf("vectors", "Tell how similar signs are, and make soft targets of it."),
        "knn": Leaf("vectors", "Name clips by their neighbours, without training on them."),
        "export-model": Leaf(
            "export_model", "Export a model as ONNX, as TorchScript or as a web page."
        ),
        "live": Leaf("live", "Name signs in a video or before a webcam."),
    },
    "Know what there is": {
        "datasets": Leaf("datasets", "Data sets: where they are and what they allow.", True),
        "pipelines": Leaf("pipelines", "Pipelines: the choices of a build, to copy.", True),
        "pose": Leaf("pose", "Pose backends and their weights.", True),
        "features": Leaf("features", "Frozen networks whose features go into the shards.", True),
        "schemas": Leaf("schemas", "The published file formats.", True),
        "cluster": Leaf("cluster", "Batch jobs: a build on SLURM or Kubernetes.", True),
        "doctor": Leaf("doctor", "Check this machine: packages, libraries, weights, disk."),
        "help": Leaf("help", "Read pages about larger things: SLURM, licences, formats."),
    },
}


class Root(Tree):
    """`sign-etl` itself."""

    sections = SECTIONS


app = typer.Typer(
    name="sign-etl",
    cls=Root,
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings=CONTEXT,
    epilog="\b\nExamples:\n  sign-etl demo\n  sign-etl ingest wlasl100 --limit 20\n"
    "  sign-etl show builds/wlasl100",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        Output().text(f"sign-etl {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    """Turn a sign-language data set into verified, reproducible shards with keypoints."""


def main(arguments: list[str] | None = None) -> None:
    """Run `sign-etl` and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:  # a terminal that cannot spell a label must not end a run
            reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:] if arguments is None else arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # too late to change how it ended
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        hush(sys.stdout)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run `sign-etl` with `arguments`; every error is told on stderr.

    With `--json` stdout has one document in any case: where the command ends without its own, it
    says what went wrong (`sign-etl schemas show cli-error`).

    Returns:
        The exit code.
    """
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    out = Output.of(as_json="--json" in own)
    Output.answered = False
    code = _run(out, arguments)
    if code and out.mode == "json" and not Output.answered:
        # Not through its model, `Failure`: while that is imported a second Ctrl-C could come.
        told = [{"message": message, "hint": hint} for message, hint in out.problems]
        out.data({"exit_code": code, "problems": told}, schema="error")
    return code


def _run(out: Output, arguments: list[str]) -> int:
    try:
        result = get_command(app).main(arguments, prog_name="sign-etl", standalone_mode=False)
    except SignEtlError as error:
        _tell(out, error)
        _trace(out, error)
        return error.exit_code
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        code = _usage(out, error) or _system(out, error) or _crash(out, error, arguments)
        _trace(out, error)
        return code
    else:
        code = result if isinstance(result, int) else 0
    if code == 130:  # the parser turns Ctrl-C into this number
        out.error("stopped by Ctrl-C", "what is done is kept: run the same command again")
    return code


def _tell(out: Output, error: SignEtlError) -> None:
    from sign_etl.cli.reports import tell_problems

    problems = getattr(error, "problems", None) or (error,)
    tell_problems(out, [(problem.message, problem.hint) for problem in problems])


def _usage(out: Output, error: Exception) -> int | None:
    """Tell an error of the command line, recognised by what the parser's exceptions offer."""
    message = getattr(error, "format_message", None)
    if message is None:
        return None
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        out.note(message())
        return 2
    path = context.command_path if context is not None else "sign-etl"
    option = getattr(error, "option_name", None)
    known = list(getattr(error, "possibilities", None) or ())
    if option and context is not None:
        known += [name for parameter in context.command.params for name in parameter.opts]
    words = str(message()).partition(" (Possible")[0].partition(" Did you mean")[0].rstrip(".")
    hint = near_miss(option, known) if option and option not in known else None
    out.error(words[:1].lower() + words[1:], hint or f"see `{path} --help`")
    return 2


def _system(out: Output, error: Exception) -> int | None:
    """Tell what the operating system refused, where it names a file or has no space left."""
    if not isinstance(error, OSError) or error.errno is None:
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        out.error("no space left on the disk", "free some and run the same command again")
        return 75
    if error.filename is None:
        return None
    path = os.fsdecode(error.filename)
    away = isinstance(error, (FileNotFoundError, NotADirectoryError))
    hint = "mind the spelling, and that its folder is there" if away else f"look: ls -ld {path}"
    out.error(f"{path}: {(error.strerror or 'refused').lower()}", hint)
    return 2


def _crash(out: Output, error: Exception, arguments: list[str]) -> int:
    from sign_etl.cli.crash import write_report

    where = write_report(error, arguments)
    out.error(
        f"{type(error).__name__}: this is a bug of sign-etl",
        f"please report it with {where}" if where else "SIGN_ETL_DEBUG=1 shows the traceback",
    )
    return 2


def _trace(out: Output, error: Exception) -> None:
    if os.environ.get("SIGN_ETL_DEBUG"):
        import traceback

        out.note("".join(traceback.format_exception(error)).rstrip())
