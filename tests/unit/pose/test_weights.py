"""Model files: verified before use, whichever way they come, and never half there."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import file_site
import pytest
from file_site import Site, closed_address, serving

from sign_etl.core.canonical import sha256_bytes, sha256_file
from sign_etl.core.errors import AccessError, MissingExtraError
from sign_etl.pose import blazepose_weights as blazepose
from sign_etl.pose.base import BACKENDS, WeightsFile
from sign_etl.pose.blazepose import BlazePose
from sign_etl.pose.blazepose_weights import Bundle, Part, Unreachable
from sign_etl.pose.bundles import bundle
from sign_etl.pose.weights import check, ensure, installed, is_right, provide

MODELS = {"one.tflite": b"first model " * 500, "two.tflite": b"second model " * 900}
WHEEL_NAME = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"


def part(member: str) -> Part:
    data = MODELS[member]
    return Part(
        member=member,
        address=f"{member}?generation=1",
        in_wheel=f"mediapipe/modules/{member}",
        sha256=sha256_bytes(data),
        size_bytes=len(data),
    )


PARTS = tuple(part(member) for member in MODELS)
WHOLE = bundle(MODELS)
SMALL = Bundle(
    WeightsFile("small.task", sha256_bytes(WHOLE), len(WHOLE), "Apache-2.0", "nowhere"), PARTS
)


@pytest.fixture
def site() -> Iterator[Site]:
    files = {f"/{member}?generation=1": data for member, data in MODELS.items()}
    with serving(files) as served:
        yield served


@pytest.fixture
def closed() -> str:
    return closed_address()


@pytest.fixture
def no_index(monkeypatch: pytest.MonkeyPatch, closed: str) -> None:
    """pip finds nothing and tries once."""
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"{closed}/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_RETRIES", "0")


def write_wheel(path: Path, models: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in models.items():
            archive.writestr(f"mediapipe/modules/{member}", data)
        info = "mediapipe-0.10.21.dist-info"
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\n"
        )
        tag = "cp311-cp311-manylinux_2_28_x86_64"
        archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_from_the_official_address(site: Site, tmp_path: Path) -> None:
    blazepose.fetch(tmp_path / "weights", [SMALL], official=site.address)
    assert (tmp_path / "weights" / "small.task").read_bytes() == WHOLE
    assert [path.name for path in (tmp_path / "weights").iterdir()] == ["small.task"]


def test_what_is_there_is_not_fetched_again(site: Site, tmp_path: Path) -> None:
    blazepose.fetch(tmp_path, [SMALL], official=site.address)
    site.asked.clear()
    blazepose.fetch(tmp_path, [SMALL], official=site.address)
    assert site.asked == []


def test_a_damaged_file_is_replaced(site: Site, tmp_path: Path) -> None:
    (tmp_path / "small.task").write_bytes(WHOLE[:-1] + b"!")
    blazepose.fetch(tmp_path, [SMALL], official=site.address)
    assert is_right(SMALL.file, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cut": 0.5}, "cannot be reached"),
        ({"status": 503}, "answers 503"),
        ({"files": {}}, "answers 404"),
    ],
)
def test_a_broken_download_is_unreachable(
    site: Site, change: dict[str, object], words: str
) -> None:
    for name, value in change.items():
        setattr(site, name, value)
    with pytest.raises(Unreachable, match=words):
        blazepose.from_official(PARTS, site.address)


@pytest.mark.parametrize(
    ("change", "words"), [(b"?", "gives other bytes for two"), (b"longer than it was", "more than")]
)
def test_other_bytes_are_refused(site: Site, change: bytes, words: str) -> None:
    address = f"/{PARTS[1].address}"
    site.files[address] = site.files[address][:-1] + change
    with pytest.raises(Unreachable, match=f"the official address .*{words}"):
        blazepose.from_official(PARTS, site.address)


def test_no_endless_body_is_read(site: Site) -> None:
    site.files[f"/{PARTS[0].address}"] = bytes(64 << 20)
    with pytest.raises(Unreachable, match="sends more than 6000 bytes"):
        blazepose.from_official(PARTS, site.address)


@pytest.mark.usefixtures("no_index")
def test_offline_says_what_a_person_can_do(tmp_path: Path, closed: str) -> None:
    with pytest.raises(AccessError) as caught:
        blazepose.fetch(tmp_path, [SMALL], official=closed)
    assert caught.value.exit_code == 3
    assert caught.value.message == (
        "the weights of `blazepose` cannot be had: the official address cannot be reached; "
        "pip cannot download mediapipe==0.10.21"
    )
    assert caught.value.hint is not None
    assert str(tmp_path) in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_index")
def test_half_a_download_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.cut = 0.5
    with pytest.raises(AccessError):
        blazepose.fetch(tmp_path, [SMALL], official=site.address)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("no_index")
def test_out_of_the_wheel_that_pip_downloads(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    wheel = write_wheel(tmp_path / WHEEL_NAME, MODELS).read_bytes()
    digest = hashlib.sha256(wheel).hexdigest()
    page = f'<!DOCTYPE html><a href="/{WHEEL_NAME}#sha256={digest}">{WHEEL_NAME}</a>'
    site.files = {"/simple/mediapipe/": page.encode(), f"/{WHEEL_NAME}": wheel}
    monkeypatch.setenv("PIP_INDEX_URL", f"{site.address}/simple")
    blazepose.fetch(tmp_path / "weights", [SMALL], official=closed)
    assert (tmp_path / "weights" / "small.task").read_bytes() == WHOLE


def test_a_wheel_with_other_models_is_refused(tmp_path: Path) -> None:
    other = write_wheel(tmp_path / "other.whl", MODELS | {"one.tflite": b"x"})
    with pytest.raises(Unreachable, match="the wheel gives other bytes for one"):
        blazepose.from_archive(PARTS, other)
    less = write_wheel(tmp_path / "less.whl", {"one.tflite": MODELS["one.tflite"]})
    with pytest.raises(Unreachable, match="does not hold"):
        blazepose.from_archive(PARTS, less)
    (tmp_path / "page.whl").write_bytes(b"<html>")
    with pytest.raises(Unreachable, match="does not hold"):
        blazepose.from_archive(PARTS, tmp_path / "page.whl")


def test_an_unpinned_result_is_refused() -> None:
    wrong = replace(SMALL, file=replace(SMALL.file, sha256="0" * 64))
    models = {entry.sha256: MODELS[entry.member] for entry in PARTS}
    with pytest.raises(AccessError, match="another sha256"):
        blazepose.assemble(wrong, models)


FETCH = """
import sys
from pathlib import Path
sys.path[:0] = {folders!r}
import test_weights
test_weights.blazepose.fetch(Path({weights!r}), [test_weights.SMALL], official={official!r})
"""


def test_two_processes_at_once_do_not_clash(site: Site, tmp_path: Path) -> None:
    code = FETCH.format(
        folders=[str(Path(file).parent) for file in (__file__, file_site.__file__)],
        weights=str(tmp_path),
        official=site.address,
    )
    both = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(timeout=1100) for process in both] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["small.task"]
    assert sha256_file(tmp_path / "small.task") == SMALL.file.sha256


def test_missing_weights_name_the_command(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe")
    backend = BACKENDS.get("blazepose")
    with pytest.raises(AccessError, match="are missing") as caught:
        ensure(backend, backend.options({}), tmp_path)
    assert caught.value.hint == "sign-etl pose fetch blazepose"


def test_damaged_weights_are_named(tmp_path: Path) -> None:
    pytest.importorskip("mediapipe")
    backend = BACKENDS.get("blazepose")
    first, second = backend.weights(backend.options({}), tmp_path)
    (tmp_path / first.name).write_bytes(bytes(first.size_bytes))
    with pytest.raises(AccessError, match=f"not what they must be \\({first.name}\\)"):
        ensure(backend, backend.options({}), tmp_path)
    assert not is_right(second, tmp_path)


def test_truth_needs_nothing(tmp_path: Path) -> None:
    backend = BACKENDS.get("truth")
    assert installed(backend)
    assert ensure(backend, backend.options({}), tmp_path) == {}


def test_a_missing_extra_is_said_before_any_child_starts() -> None:
    backend = BlazePose()
    backend.modules = ("no_such_module_anywhere",)
    assert not installed(backend)
    with pytest.raises(MissingExtraError) as caught:
        check(backend)
    assert caught.value.hint == "pip install 'sign-etl[blazepose]'"


def test_pins_are_well_formed() -> None:
    for entry in blazepose.BUNDLES:
        assert len(entry.file.sha256) == 64
        assert all(len(each.sha256) == 64 and "generation=" in each.address for each in entry.parts)
        assert entry.file.size_bytes > sum(each.size_bytes for each in entry.parts)


def test_a_worker_elsewhere_fetches_and_compares(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blazepose, "BUNDLES", (SMALL,))
    monkeypatch.setattr(blazepose.fetch, "__defaults__", ((SMALL,),))
    monkeypatch.setattr(
        blazepose.fetch, "__kwdefaults__", {"official": site.address, "wheel": "none"}
    )
    backend = BlazePose()
    backend.modules = ()
    options = backend.options({})
    provide(backend, options, tmp_path, {"small.task": SMALL.file.sha256})
    assert is_right(SMALL.file, tmp_path)
    site.asked.clear()
    provide(backend, options, tmp_path, {})
    assert site.asked == []
    with pytest.raises(AccessError, match="this machine has other weights of `blazepose`"):
        provide(backend, options, tmp_path, {"small.task": "0" * 64})
