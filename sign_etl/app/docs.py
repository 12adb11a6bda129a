"""Parts of the documents that are written by the code: the table of data sets.

    python -m sign_etl.app.docs [README.md]

Each stands between two markers, `<!-- datasets:begin -->` and `<!-- datasets:end -->`; what is
between them is written anew. A test fails where it has drifted.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sign_etl.app.datasets import datasets
from sign_etl.core.errors import UsageError
from sign_etl.core.files import write_bytes
from sign_etl.schema.replies import DatasetPart

BEGIN, END = "<!-- datasets:begin -->", "<!-- datasets:end -->"
_ACCESS = {
    "none": "made here",
    "direct": "direct",
    "links": "web links",
    "form": "form",
    "login": "login",
    "local": "your files",
}
_EVIDENCE = {"file": "files", "docs": "documents", "memory": "memory: **Experimental**"}


def datasets_table() -> str:
    """All data sets that ship with sign-etl, as a Markdown table."""
    lines = [
        "| name | data set | language | task | clips | licence | access | layout read from |",
        "|---|---|---|---|---:|---|---|---|",
        *map(_row, datasets().datasets),
    ]
    return "\n".join(lines) + "\n"


def with_table(text: str, table: str) -> str:
    """A document with `table` between its markers.

    Raises:
        UsageError: it lacks the markers, or has them more than once.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise UsageError(
            f"the document needs one `{BEGIN}` and behind it one `{END}`",
            hint="put them where the table belongs",
        )
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}{END}{after}"


def write_readme(path: Path) -> bool:
    """Write the table into a document; returns True where that changed it."""
    text = path.read_text("utf-8")
    new = with_table(text, datasets_table())
    if new != text:
        write_bytes(path, new.encode("utf-8"))
    return new != text


def _row(part: DatasetPart) -> str:
    cells = (
        f"`{part.name}`",
        part.title,
        part.language,
        part.task,
        "" if part.clips is None else f"{part.clips:,}",
        part.licence,
        _ACCESS[part.access],
        _EVIDENCE[part.layout_evidence],
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    write_readme(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("README.md"))
