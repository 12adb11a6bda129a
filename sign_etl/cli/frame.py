"""What all commands share: how one is declared, how the tree loads it, its common options.

A command's module is imported when that command runs or shows its help, never before: that keeps
`sign-etl --help` and completion quick.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeVar

import typer
from typer.core import TyperGroup
from typer.main import get_command, get_group

from sign_etl.core.errors import UsageError, near_miss

Function = TypeVar("Function", bound=Callable[..., None])

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def group(name: str, help: str) -> typer.Typer:
    """A noun with its own commands, such as `datasets`."""
    return typer.Typer(
        name=name,
        help=help,
        cls=Group,
        rich_markup_mode=None,
        add_completion=False,
        no_args_is_help=True,
        context_settings=CONTEXT,
    )


def command(
    app: typer.Typer, name: str, *, examples: tuple[str, ...]
) -> Callable[[Function], Function]:
    """Declare a command of `app`; its docstring is its help, the examples stand below."""
    shown = "\n".join(f"  {example}" for example in examples)
    return app.command(
        name, epilog=f"\b\nExamples:\n{shown}", context_settings=CONTEXT, no_args_is_help=False
    )


class Group(TyperGroup):
    """A group that names a near miss of a mistyped command."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that `args` begin with; called by the parser."""
        known = self.list_commands(ctx)
        if not ctx.resilient_parsing and args[0] not in known and not args[0].startswith("-"):
            raise UsageError(
                f"unknown command `{ctx.command_path} {args[0]}`",
                hint=near_miss(args[0], known) or f"see `{ctx.command_path} --help`",
            )
        return super().resolve_command(ctx, args)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the first example of each command, where the group has none of its own."""
        if not self.epilog:
            found = [self.get_command(ctx, name) for name in self.list_commands(ctx)]
            lines = [str(each.epilog).splitlines()[2] for each in found if each and each.epilog]
            self.epilog = "\n".join(("\b", "Examples:", *lines))
        super().format_epilog(ctx, formatter)


class Leaf(NamedTuple):
    """A command at the root of the tree.

    Attributes:
        module: module of `sign_etl.cli` that holds it.
        help: its first help line, here so that the list of commands imports nothing.
        is_group: True for a noun, whose whole module it is.
    """

    module: str
    help: str
    is_group: bool = False


class Tree(Group):
    """The root: commands in sections, each imported when it is needed."""

    sections: dict[str, dict[str, Leaf]]

    def list_commands(self, ctx: Any) -> list[str]:
        """Names in the order of the sections; nothing is imported."""
        return [name for leaves in self.sections.values() for name in leaves]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, imported now, or None."""
        for leaves in self.sections.values():
            if cmd_name in leaves:
                return load(cmd_name, leaves[cmd_name])
        return None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands from the table alone."""
        for title, leaves in self.sections.items():
            with formatter.section(title):
                formatter.write_dl([(name, leaf.help) for name, leaf in leaves.items()])


def load(name: str, leaf: Leaf) -> Any:
    """Import a command."""
    module = importlib.import_module(f"sign_etl.cli.{leaf.module}")
    if leaf.is_group:
        return get_group(module.app)
    loaded: Any = get_command(module.app)
    # A module with one command is that command.
    return loaded if loaded.name == name else loaded.commands[name]


def _be_verbose(level: int) -> int:
    if level:
        import logging

        logging.basicConfig(
            level=logging.DEBUG if level > 1 else logging.INFO,
            format="%(levelname)s %(name)s: %(message)s",
        )
    if level > 1:
        os.environ["SIGN_ETL_DEBUG"] = "1"
    return level


def complete_pipelines(incomplete: str) -> list[str]:
    """Names that a pipeline argument may complete to."""
    from sign_etl.core.content import content_dir

    names = sorted(path.stem for path in content_dir("pipelines").glob("*.yaml"))
    return [name for name in names if name.startswith(incomplete)]


def complete_backends(incomplete: str) -> list[str]:
    """Names that a pose backend's argument may complete to."""
    from sign_etl.pose.base import BACKENDS

    return [name for name in BACKENDS.names() if name.startswith(incomplete)]


def complete_features(incomplete: str) -> list[str]:
    """Names that a feature backend's argument may complete to."""
    from sign_etl.features.base import BACKENDS

    return [name for name in BACKENDS.names() if name.startswith(incomplete)]


AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document (see `sign-etl schemas list`).")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print bare names only, and errors.")]
Verbose = Annotated[
    int,
    typer.Option(
        "--verbose",
        "-v",
        count=True,
        callback=_be_verbose,
        show_default=False,
        help="Log what is done; twice: everything, and tracebacks.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A setting of the pipeline, such as normalise.fps=30; may be repeated.",
    ),
]
