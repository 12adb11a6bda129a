"""What `sign-etl index` prints with `--json`."""

from __future__ import annotations

from sign_etl.schema.replies import Part, Reply


class IndexProblemPart(Part):
    """Something odd or broken in a foreign tar."""

    shard: str
    key: str
    """Of the sample; the member's name where there is none."""
    problem: str
    """Of a closed list, such as `truncated` or `interleaved`."""
    ext: str
    """The member that is concerned, empty where none is."""


class Index(Reply):
    """`index`."""

    command = "index"
    index: str
    """The file that was written."""
    samples: int
    shards: int
    classes: int
    members: dict[str, int]
    """Samples by member name."""
    problems: tuple[IndexProblemPart, ...]
