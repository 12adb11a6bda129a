"""Fuzzing of bytes: clips and archives with wounds of every kind.

Clean is a result, an error of ours (`SignEtlError`), or a reject with a reason of the list that is
no exception of Python: an exception inside a guarded child would stand there as `crashed`.

`SIGN_ETL_FUZZ=10` runs ten times as many examples, with new random ones in each run.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator

import media_zoo
import pytest
from fuzzing import SEEDS, SEEN, damaged, examples, tell
from hypothesis import example, given
from hypothesis import strategies as st
from media import VideoSpec, write_video

from sign_etl.core.guard import Breach, Guard, Limits
from sign_etl.media import normalise, unpack
from sign_etl.media.fetched import inspect_file
from sign_etl.media.members import UnpackLimits
from sign_etl.schema.outcome import Reject
from sign_etl.schema.pipeline import NormaliseConfig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module", autouse=True)
def told() -> Iterator[None]:
    yield
    tell()


# ---- clips

WHOLE = [
    *("plain.mp4", "edited.mp4", "ten-bit.mkv", "vp9.webm", "hevc.mp4", "av1.mp4", "old.mpg"),
    *("animation.gif", "animation.webp", "negative.ts", "444.mp4", "interlaced.mp4", "rotated.mp4"),
]
CONFIG = NormaliseConfig(short_side=64, timeout_s=20, memory_mb=768, max_pixels=4096 * 4096)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("corpus")
    for animal in media_zoo.ANIMALS:
        if animal.name in WHOLE:
            animal.make(folder / animal.name)
    for container, codec in (("avi", "mpeg4"), ("flv", "flv"), ("asf", "wmv2"), ("swf", "flv")):
        write_video(folder / container, VideoSpec(count=12, container=container, codec=codec))
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@pytest.fixture(scope="module")
def decoder() -> Iterator[Guard]:
    with Guard(normalise.TARGET, normalise.limits(CONFIG)) as guard:
        yield guard


@examples(300)
@given(
    seed=SEEDS,
    which=st.integers(0, 10_000),
    other=st.integers(0, 10_000),
    span=st.sampled_from([(0.0, None), (0.0, None), (0.2, 0.6), (5.0, 6.0)]),
    partial=st.sampled_from(["reject", "flag"]),
)
@example(seed=712, which=14, other=5, span=(0.0, None), partial="flag")  # a late stream
def test_clips(
    tmp_path_factory: pytest.TempPathFactory,
    corpus: list[bytes],
    decoder: Guard,
    seed: int,
    which: int,
    other: int,
    span: tuple[float, float | None],
    partial: str,
) -> None:
    folder = tmp_path_factory.getbasetemp()
    source, out = folder / "fuzzed.mp4", folder / "fuzzed-out.mp4"
    source.write_bytes(damaged(corpus[which % len(corpus)], seed, corpus[other % len(corpus)]))
    fetched = inspect_file(source)
    if isinstance(fetched, Reject):
        SEEN[f"clip {fetched.reason}"] += 1
        return
    found = normalise.normalise(
        decoder,
        source,
        fetched.container,
        start_s=span[0],
        end_s=span[1],
        declared_fps=None,
        bbox=None,
        config=CONFIG.model_copy(update={"partial": partial}),
        out=out,
    )
    if isinstance(found, Reject):
        SEEN[f"clip {found.reason} {found.detail if found.reason == 'crashed' else ''}"] += 1
        assert found.reason != "crashed", f"{found.detail} in {fetched.container}, seed {seed}"
        assert not out.exists()
        return
    SEEN["clip built"] += 1
    frames = found["video"]["frames"]
    assert 0 < frames == len(found["video"]["source_us"])
    assert frames <= CONFIG.max_duration_s * 25 + 1
    assert set(found["flags"]) <= set(normalise.FLAGS)
    out.unlink()


# ---- archives


@pytest.fixture(scope="module")
def archives() -> list[bytes]:
    files = {"set/train/a.mp4": b"a" * 2000, "set/b.csv": b"file,label\n" * 9, "set/γ.mp4": b"c"}
    made = []
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    made.append(packed.getvalue())
    for mode in ("w", "w:gz", "w:bz2", "w:xz"):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode=mode) as tar:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        made.append(packed.getvalue())
    try:
        import py7zr
    except ImportError:
        return made
    packed = io.BytesIO()
    with py7zr.SevenZipFile(packed, "w") as seven:
        for name, data in files.items():
            seven.writestr(data, name)
    return [*made, packed.getvalue()]


@pytest.fixture(scope="module")
def unpacker() -> Iterator[Guard]:
    with Guard("sign_etl.media.unpack:run", Limits(wall_s=30, memory_bytes=1 << 30)) as guard:
        yield guard


@examples(200)
@given(seed=SEEDS, which=st.integers(0, 10_000))
def test_archives(
    tmp_path_factory: pytest.TempPathFactory,
    archives: list[bytes],
    unpacker: Guard,
    seed: int,
    which: int,
) -> None:
    folder = tmp_path_factory.mktemp("fuzzed", numbered=True)
    path, out = folder / "archive", folder / "in" / "out"
    out.mkdir(parents=True)
    path.write_bytes(damaged(archives[which % len(archives)], seed, archives[seed % len(archives)]))
    limits = UnpackLimits(members=1000, total_bytes=1 << 24, free_bytes=1 << 24)
    answer = unpacker.call(unpack.request([path], out, password=None, limits=limits))
    if isinstance(answer, Breach):
        SEEN[f"archive {answer.reason} {answer.detail}"] += 1
        raise AssertionError(f"{answer.reason}: {answer.detail}, seed {seed}\n{answer.stderr}")
    SEEN["archive unpacked" if "files" in answer else f"archive {answer['refused']}"] += 1
    assert sorted(path.name for path in folder.iterdir()) == ["archive", "in"]
    assert [path.name for path in (folder / "in").iterdir()] == ["out"]
    assert not [path for path in out.rglob("*") if path.is_symlink()]
