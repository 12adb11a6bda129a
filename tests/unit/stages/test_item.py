"""Items travel between processes and nodes as JSON and come out as they went in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tiny_run import make_clip

from sign_etl.core.store import Blob, Entry
from sign_etl.schema.clip import Clip, Source
from sign_etl.schema.outcome import Reason, Reject, StageName
from sign_etl.stages.item import Item, SourceRef, clip_from_json, from_json, through, to_json

TEXT = st.text(max_size=12)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
SECONDS = st.floats(0, 1e6, allow_nan=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | SECONDS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


SOURCES = st.builds(
    Source,
    id=TEXT,
    url=maybe(TEXT),
    names=st.lists(TEXT, max_size=3).map(tuple),
    headers=st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
    trimmed=st.booleans(),
)
CLIPS = st.builds(
    Clip,
    key=TEXT,
    dataset=TEXT,
    annotation_id=TEXT,
    source=SOURCES,
    split=TEXT,
    label=maybe(TEXT),
    gloss=maybe(TEXT),
    text=maybe(TEXT),
    language=TEXT,
    signer=maybe(TEXT),
    start_s=SECONDS,
    end_s=maybe(SECONDS),
    declared_fps=maybe(SECONDS),
    bbox=maybe(st.tuples(SECONDS, SECONDS, SECONDS, SECONDS)),
    extra=st.dictionaries(TEXT, TEXT, max_size=2),
)
REJECTS = st.builds(Reject, st.sampled_from(list(StageName)), st.sampled_from(list(Reason)), TEXT)
ENTRIES = st.builds(
    Entry,
    stage=TEXT,
    fingerprint=HEX,
    facts=st.dictionaries(TEXT, JSON, max_size=3),
    blobs=st.dictionaries(TEXT, st.builds(Blob, HEX, st.integers(0, 2**40)), max_size=2),
    reject=maybe(REJECTS.map(Reject.to_json)),
)
ITEMS = st.builds(
    Item,
    clip=CLIPS,
    source=maybe(st.builds(SourceRef, HEX, st.integers(0, 2**40), TEXT, TEXT, st.booleans())),
    video=maybe(ENTRIES),
    poses=st.dictionaries(TEXT, ENTRIES, max_size=2),
    quality=maybe(ENTRIES),
    reject=maybe(REJECTS),
    note=TEXT,
)


@given(ITEMS)
def test_an_item_comes_out_as_it_went_in(item: Item) -> None:
    travelled = from_json(json.loads(json.dumps(to_json(item))))
    assert travelled == item
    assert list(travelled.poses) == list(item.poses)  # pipeline order


@given(CLIPS)
def test_a_clip_comes_out_hashable_parts_and_all(clip: Clip) -> None:
    from dataclasses import asdict

    travelled = clip_from_json(json.loads(json.dumps(asdict(clip))))
    assert travelled == clip
    assert hash(travelled.source) == hash(clip.source)


def test_a_source_is_present_with_its_size_only(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    source = SourceRef("ab" * 32, 3, "mp4", str(path), owned=True)
    assert not source.present
    path.write_bytes(b"ab")
    assert not source.present
    path.write_bytes(b"abc")
    assert source.present


class Counting:
    """A stage that has its result in store after the first run."""

    def __init__(self, name: str, reject: Reject | None = None) -> None:
        self.name = name
        self.reject = reject
        self.known = False
        self.runs = 0

    def applies(self, item: Item) -> bool:
        return True

    def look(self, item: Item) -> Item | None:
        return self._done(item) if self.known else None

    def run(self, item: Item) -> Item:
        self.runs += 1
        self.known = True
        return self._done(item)

    def _done(self, item: Item) -> Item:
        entry = Entry(self.name, self.name, {}, {})
        done = Item(item.clip, item.source, poses={**item.poses, self.name: entry})
        return done.rejected(self.reject) if self.reject else done

    def interrupt(self) -> None: ...

    def close(self) -> None: ...


def test_through_looks_before_it_works_and_ends_at_a_reject() -> None:
    item = Item(make_clip("a"))
    one = Counting("one")
    two = Counting("two", Reject(StageName.QUALITY, Reason.BLACK))
    three = Counting("three")
    stages = [one, two, three]
    assert through(stages, item, work=False) is None
    assert (one.runs, two.runs) == (0, 0)
    ended = through(stages, item)
    assert ended is not None
    assert ended.reject == two.reject
    assert list(ended.poses) == ["one", "two"]
    assert through(stages, item) == through(stages, item, work=False) == ended
    assert (one.runs, two.runs, three.runs) == (1, 1, 0)
