"""Fuzzing of what people write: tables, indices, pipelines.

Clean is a result, an error of ours (`SignEtlError`), or a reject with a reason of the list that is
no exception of Python: an exception inside a guarded child would stand there as `crashed`.

`SIGN_ETL_FUZZ=10` runs ten times as many examples, with new random ones in each run.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fuzzing import SEEDS, SEEN, damaged, examples, tell, told_cleanly
from hypothesis import given
from hypothesis import strategies as st
from tiny_run import plan_of

from sign_etl.app import pipelines
from sign_etl.core.errors import SignEtlError
from sign_etl.recipes.folder_table import COLUMNS, read_clips
from sign_etl.recipes.wlasl_index import read_index

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module", autouse=True)
def told() -> Iterator[None]:
    yield
    tell()


# ---- tables

WORDS = st.one_of(
    st.sampled_from(
        [
            *(
                "a.mp4",
                "../a.mp4",
                "/etc/passwd",
                "C:\\a.mp4",
                "..",
                ".",
                "",
                " ",
                "-rf",
                "a/../../b",
            ),
            *("=cmd|' /C calc'!A0", "@SUM(1)", "<script>alert(1)</script>", "\x1b]0;x\x07", "NaN"),
            *("1", "-1", "1e400", "inf", "0x10", "00:00:01.5", "99:99:99", "12,5", "ase", "train"),
            *("\ufeff", "\u202e", "γειά", "\u0000", "\r", "\n", '"', "'", ",", "\t", "x" * 3000),
        ]
    ),
    st.text(max_size=12),
    st.integers().map(str),
    st.floats().map(str),
)
NAMES = st.one_of(st.sampled_from([*COLUMNS, "view", "part", "File", " file"]), st.text(max_size=6))


@st.composite
def tables(draw: Any) -> tuple[str, bytes]:
    """Name and bytes of a table."""
    columns = draw(st.lists(NAMES, min_size=1, max_size=6))
    if draw(st.booleans()) and "file" not in columns:
        columns = ["file", *columns]
    rows = draw(
        st.lists(
            st.lists(WORDS, min_size=len(columns), max_size=len(columns)), min_size=0, max_size=6
        )
    )
    if draw(st.booleans()):  # the half of them that a person could have meant
        columns = ["file", "label", *(name for name in columns if name not in COLUMNS)]
        columns = list(dict.fromkeys(map(str.strip, columns)))
        rows = [
            [
                f"{number}.mp4",
                *draw(st.lists(WORDS, min_size=len(columns) - 1, max_size=len(columns) - 1)),
            ]
            for number in range(len(rows))
        ]
    kind = draw(st.sampled_from(["csv", "tsv", "jsonl", "json", "txt"]))
    if kind in ("jsonl", "json"):
        records = [dict(zip(columns, row, strict=True)) for row in rows]
        lines = [json.dumps(record, ensure_ascii=draw(st.booleans())) for record in records]
        text = "\n".join(lines) if kind == "jsonl" else f"[{','.join(lines)}]"
    else:
        mark = "\t" if kind == "tsv" else draw(st.sampled_from(",;|"))
        quoted = draw(st.integers(0, 3)) > 0
        cells = [[_cell(cell, quoted) for cell in row] for row in [columns, *rows]]
        text = draw(st.sampled_from(["\n", "\r\n"])).join(mark.join(row) for row in cells)
    data = text.encode("utf-8", draw(st.sampled_from(["replace", "surrogatepass"])))
    if draw(st.integers(0, 3)) == 0:
        data = damaged(data or b"x", draw(SEEDS))
    return f"clips.{kind}", data


def _cell(text: str, quoted: bool) -> str:
    return '"' + text.replace('"', '""') + '"' if quoted else text


@examples(80)
@given(table=tables(), trimmed=st.booleans())
def test_tables_and_plans(
    tmp_path_factory: pytest.TempPathFactory, table: tuple[str, bytes], trimmed: bool
) -> None:
    name, data = table
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(data)
    try:
        clips = list(read_clips(path, "tiny", "und", trimmed=trimmed))
        plan = plan_of(clips)
    except SignEtlError as error:
        told_cleanly("table", error)
        return
    SEEN["table read"] += 1
    assert len(plan) == len(clips)
    for clip in clips:
        assert not Path(clip.source.id).is_absolute()
        assert ".." not in Path(clip.source.id).parts
        assert len(clip.key) <= 72
    plan.save(path.with_suffix(".parquet"))


@examples(60)
@given(seed=SEEDS, value=st.recursive(WORDS | st.none() | st.floats() | st.integers(), st.lists))
def test_indices_of_a_data_set(
    tmp_path_factory: pytest.TempPathFactory, seed: int, value: Any
) -> None:
    chance = random.Random(seed)
    instance = {
        "bbox": [0, 0, 9, 9],
        "fps": 25,
        "frame_end": -1,
        "frame_start": 1,
        "signer_id": 1,
        "split": "train",
        "url": "http://a.example/a.mp4",
        "video_id": "1",
    }
    if chance.random() < 0.8:
        instance[chance.choice([*instance, "view", "γ"])] = value
    index: Any = [{"gloss": value if chance.random() < 0.1 else "book", "instances": [instance]}]
    data = json.dumps(index).encode("utf-8", "surrogatepass")
    if chance.random() < 0.4:
        data = damaged(data, seed)
    path = tmp_path_factory.getbasetemp() / "index.json"
    path.write_bytes(data)
    try:
        read_index(path)
        SEEN["index read"] += 1
    except SignEtlError as error:
        told_cleanly("index", error)


# ---- pipelines

PIPELINE = (Path(__file__).parents[2] / "pipelines" / "wlasl.yaml").read_text(encoding="utf-8")
VALUES = st.recursive(
    WORDS | st.none() | st.booleans() | st.floats() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
SETTINGS = st.sampled_from(
    [
        *("normalise.fps", "normalise.short_side", "normalise.max_pixels", "pack.shard_clips"),
        *("dataset.recipe", "dataset", "pose", "pose.blazepose", "pools", "select.splits", "seed"),
        *("split.by", "quality.min_hand", "fetch.per_host", "schema", "name", "x.y", "", "a..b"),
    ]
)


@examples(80)
@given(seed=SEEDS, changes=st.lists(st.tuples(SETTINGS, VALUES), max_size=3), raw=st.booleans())
def test_pipelines(
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
    changes: list[tuple[str, Any]],
    raw: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / "pipeline.yaml"
    text = PIPELINE.encode()
    path.write_bytes(damaged(text, seed, text[::-1]) if raw else text)
    overrides = [f"{name}={json.dumps(value, default=str)}" for name, value in changes]
    try:
        pipelines.load(str(path), overrides)
        SEEN["pipeline read"] += 1
    except SignEtlError as error:
        told_cleanly("pipeline", error)
