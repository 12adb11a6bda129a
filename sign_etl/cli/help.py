"""`sign-etl help`: pages for what is larger than one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sign_etl.cli.frame import AsJson, Verbose, command, group
from sign_etl.cli.output import Output
from sign_etl.core.errors import UsageError, near_miss

app = group("help", "Read about larger things.")
PAGES = Path(__file__).with_name("topics")


def topics() -> dict[str, Path]:
    """The pages by name."""
    return {path.stem: path for path in sorted(PAGES.glob("*.md"))}


def _complete(incomplete: str) -> list[str]:
    return [name for name in topics() if name.startswith(incomplete)]


@command(app, "help", examples=("sign-etl help", "sign-etl help slurm"))
def help_page(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="[TOPIC]", help="Name of a page; default: their list.", autocompletion=_complete
        ),
    ] = None,
    as_json: AsJson = False,
    verbose: Verbose = 0,
) -> None:
    """Read pages about larger things: SLURM, licences, formats."""
    from sign_etl.schema.replies import Help, TopicPart

    out = Output.of(as_json=as_json)
    known = topics()
    if topic is not None and topic not in known:
        hint = near_miss(topic, list(known)) or "`sign-etl help` lists the pages"
        raise UsageError(f"no page `{topic}`", hint=hint)
    chosen = known if topic is None else {topic: known[topic]}
    texts = {name: path.read_text(encoding="utf-8") for name, path in chosen.items()}
    reply = Help(
        topics=tuple(
            TopicPart(name=name, title=_title(text), text=text if topic else None)
            for name, text in texts.items()
        )
    )
    out.data(reply.to_json(), schema=reply.command)
    if topic is None:
        out.table(("topic", "about"), [(part.name, part.title) for part in reply.topics])
    else:
        out.text(texts[topic].rstrip())


def _title(text: str) -> str:
    return text.partition("\n")[0].lstrip("# ")
