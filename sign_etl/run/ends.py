"""How the clips of a build ended, counted column by column: a million lines in a second or two."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from sign_etl.run.journal import JOURNAL, PART_JOURNALS
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.schema.tables import column, numbers

_LINES = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field(
            "reject",
            pa.struct([pa.field("stage", pa.string()), pa.field("reason", pa.string())]),
        ),
    ]
)
BLOCK_BYTES = 4 << 20


def read_ends(state: Path, keys: pa.ChunkedArray) -> Counter[Reject | None]:
    """Count how the clips with these keys have ended so far; None stands for a sample.

    The last line of a key in a journal counts; runs for some shards have journals of their own.

    Args:
        state: the folder with the journals.
        keys: of the plan; a journal may remember clips that are not in it any more.
    """
    paths = [state / JOURNAL, *sorted(state.glob(PART_JOURNALS))]
    tables = [table for path in paths if (table := _read(path)) is not None]
    if not tables:
        return Counter()
    lines = pa.concat_tables(tables)
    lines = lines.filter(pc.is_in(lines["key"], value_set=keys.combine_chunks()))
    codes = numbers(lines["key"].combine_chunks().dictionary_encode().indices)
    # `unique` gives the first place of each code; of the reversed column that is the last one.
    _, last = np.unique(codes[::-1], return_index=True)
    rejects = lines["reject"].combine_chunks().take(column(len(codes) - 1 - last))
    # Not `group_by`, which loads pandas, for a second or two.
    stages = rejects.field("stage").dictionary_encode(null_encoding="encode")
    reasons = rejects.field("reason").dictionary_encode(null_encoding="encode")
    of_stage, of_reason = stages.dictionary.to_pylist(), reasons.dictionary.to_pylist()
    pairs = numbers(stages.indices).astype(np.int64) * len(of_reason) + numbers(reasons.indices)
    found: Counter[Reject | None] = Counter()
    for pair, count in zip(*np.unique(pairs, return_counts=True), strict=True):
        stage, reason = of_stage[pair // len(of_reason)], of_reason[pair % len(of_reason)]
        found[Reject(StageName(stage), Reason(reason)) if reason else None] += int(count)
    return found


def _read(path: Path) -> pa.Table | None:
    """Key and reject of every whole line; None where there is none."""
    try:
        with pa.memory_map(str(path)) as file:
            data = file.read_buffer()
    except (OSError, pa.ArrowInvalid):
        return None
    # A kill may leave a torn last line.
    end = _last_line_feed(data) + 1
    if not end:
        return None
    return pj.read_json(
        pa.BufferReader(data.slice(0, end)),
        read_options=pj.ReadOptions(block_size=BLOCK_BYTES),
        parse_options=pj.ParseOptions(explicit_schema=_LINES, unexpected_field_behavior="ignore"),
    )


def _last_line_feed(data: pa.Buffer) -> int:
    tail = min(data.size, BLOCK_BYTES)
    found = data.slice(data.size - tail).to_pybytes().rfind(b"\n")
    return data.size - tail + found if found >= 0 else -1
