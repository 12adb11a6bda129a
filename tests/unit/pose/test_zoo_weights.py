"""Models of the zoo: out of real archives, over real HTTP, pinned at the first fetch or before."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from file_site import Site, closed_address, serving
from onnx import TensorProto, helper

from sign_etl.core.canonical import sha256_bytes
from sign_etl.core.errors import AccessError
from sign_etl.pose.onnx_file import is_onnx
from sign_etl.pose.weights import is_right
from sign_etl.pose.zoo import Model
from sign_etl.pose.zoo_weights import PIN_SUFFIX, WORKSHOP, fetch, weights_file


def onnx_bytes(name: str = "net") -> bytes:
    """A model that adds one."""
    box = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    graph = helper.make_graph([helper.make_node("Add", ["x", "one"], ["y"])], name, [box], [out])
    graph.initializer.append(one)
    data: bytes = helper.make_model(graph, producer_name="sign-etl").SerializeToString()
    return data


def zip_bytes(members: dict[str, bytes]) -> bytes:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return body.getvalue()


NET = onnx_bytes()
ARCHIVE = zip_bytes({"20231122/rtmw/end2end.onnx": NET, "20231122/rtmw/pipeline.json": b"{}"})
SMALL = Model("small", "rtmpose", (256, 192), "rgb", "zoo/small-net.zip")
FILE = "small-net.onnx"


@pytest.fixture
def site() -> Iterator[Site]:
    with serving({"/zoo/small-net.zip": ARCHIVE}) as served:
        yield served


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "weights"


def bring(folder: Path, official: Site, mirror: str | None = None, model: Model = SMALL) -> None:
    fetch([model], folder, official=official.address, mirror=mirror or closed_address())


def left(folder: Path) -> set[str]:
    """What is in the folder, the workshop aside; nothing may be left in that."""
    assert {path.name for path in (folder / WORKSHOP).iterdir()} == {"lock"}
    return {path.name for path in folder.iterdir()} - {WORKSHOP}


def test_the_first_fetch_pins(site: Site, folder: Path) -> None:
    assert weights_file(SMALL, folder).sha256 is None
    bring(folder, site)
    assert (folder / FILE).read_bytes() == NET
    file = weights_file(SMALL, folder)
    assert (file.sha256, file.size_bytes) == (sha256_bytes(NET), len(NET))
    assert is_right(file, folder)
    assert left(folder) == {FILE, FILE + PIN_SUFFIX}
    pin = json.loads((folder / (FILE + PIN_SUFFIX)).read_text())
    assert pin["archive_sha256"] == sha256_bytes(ARCHIVE)


def test_what_is_there_is_not_fetched_again(site: Site, folder: Path) -> None:
    bring(folder, site)
    site.asked.clear()
    bring(folder, site)
    assert site.asked == []


def test_a_damaged_file_is_fetched_again_and_held_to_the_pin(site: Site, folder: Path) -> None:
    bring(folder, site)
    (folder / FILE).write_bytes(NET[:-1])
    bring(folder, site)
    assert (folder / FILE).read_bytes() == NET
    (folder / FILE).unlink()
    site.files["/zoo/small-net.zip"] = zip_bytes({"end2end.onnx": onnx_bytes("another")})
    with pytest.raises(AccessError, match="gives another model than at the first fetch"):
        bring(folder, site)
    assert left(folder) == {FILE + PIN_SUFFIX}


def test_a_file_without_its_pin_is_not_trusted(site: Site, folder: Path) -> None:
    folder.mkdir()
    (folder / FILE).write_bytes(onnx_bytes("somebody's"))
    assert not is_right(weights_file(SMALL, folder), folder)
    bring(folder, site)
    assert (folder / FILE).read_bytes() == NET


def test_a_known_digest_decides(site: Site, folder: Path) -> None:
    right = replace(SMALL, sha256=sha256_bytes(NET), archive_sha256=sha256_bytes(ARCHIVE))
    assert weights_file(right, folder).sha256 == right.sha256
    bring(folder, site, model=right)
    wrong = {
        "gives another model than the pinned one": replace(SMALL, sha256="0" * 64),
        "gives another archive than the pinned one": replace(SMALL, archive_sha256="0" * 64),
    }
    for number, (words, model) in enumerate(wrong.items()):
        other = folder.with_name(f"other{number}")
        with pytest.raises(AccessError, match=words):
            bring(other, site, model=model)
        assert left(other) == set()


def test_the_mirror_stands_in(site: Site, folder: Path) -> None:
    fetch([SMALL], folder, official=closed_address(), mirror=site.address)
    assert (folder / FILE).read_bytes() == NET
    pin = json.loads((folder / (FILE + PIN_SUFFIX)).read_text())
    assert pin["origin"] == f"{site.address}/zoo/small-net.zip"


def test_other_bytes_at_the_official_address_lead_to_the_mirror(site: Site, folder: Path) -> None:
    known = replace(SMALL, sha256=sha256_bytes(NET))
    with serving({"/zoo/small-net.zip": zip_bytes({"a.onnx": onnx_bytes("b")})}) as official:
        bring(folder, official, mirror=site.address, model=known)
    assert (folder / FILE).read_bytes() == NET


BAD = {
    "cut": (ARCHIVE[:-40], "gives no sound zip archive"),
    "flipped": (
        ARCHIVE[:120] + bytes([ARCHIVE[120] ^ 0xFF]) + ARCHIVE[121:],
        "gives no sound zip archive",
    ),
    "page": (b"<!DOCTYPE html><html>Not found</html>", "gives no sound zip archive"),
    "empty": (b"", "gives no sound zip archive"),
    "none": (zip_bytes({"readme.txt": b"hello"}), "with 0 .onnx files"),
    "two": (zip_bytes({"a/end2end.onnx": NET, "b/end2end.onnx": NET}), "with 2 .onnx files"),
    "text": (zip_bytes({"end2end.onnx": b"<html>"}), "whose .onnx file is no model"),
    "half": (zip_bytes({"end2end.onnx": NET[: len(NET) // 2]}), "whose .onnx file is no model"),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_what_is_no_model_leaves_nothing(site: Site, folder: Path, name: str) -> None:
    body, words = BAD[name]
    site.files["/zoo/small-net.zip"] = body
    with pytest.raises(AccessError) as caught:
        bring(folder, site)
    assert words in caught.value.message
    assert "the mirror cannot be reached" in caught.value.message
    assert caught.value.hint is not None
    assert str(folder) in caught.value.hint
    assert left(folder) == set()


def test_no_name_in_the_archive_decides_about_a_path(site: Site, folder: Path) -> None:
    site.files["/zoo/small-net.zip"] = zip_bytes({"../../../evil.onnx": NET})
    bring(folder, site)
    assert left(folder) == {FILE, FILE + PIN_SUFFIX}
    assert not list(folder.parent.glob("**/evil.onnx"))


def test_too_large_is_refused(site: Site, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sign_etl.pose.zoo_weights.LIMIT_BYTES", 1000)
    bomb = onnx_bytes() + bytes([0x32, 0xE8, 0x07]) + bytes(1000)  # a comment of 1,000 zeros
    site.files["/zoo/small-net.zip"] = zip_bytes({"end2end.onnx": bomb})
    with pytest.raises(AccessError, match="a model of more than 1000 bytes"):
        bring(folder, site)
    site.files["/zoo/small-net.zip"] = bytes(5000)
    with pytest.raises(AccessError, match="sends more than 1000 bytes"):
        bring(folder, site)
    assert left(folder) == set()


def test_half_a_download_leaves_nothing(site: Site, folder: Path) -> None:
    site.cut = 0.5
    with pytest.raises(AccessError, match="the official address cannot be reached"):
        bring(folder, site)
    assert left(folder) == set()


FETCH = """
import sys
from pathlib import Path
from sign_etl.pose.zoo import Model
from sign_etl.pose.zoo_weights import fetch
model = Model("small", "rtmpose", (256, 192), "rgb", "zoo/small-net.zip")
fetch([model], Path(sys.argv[1]), official=sys.argv[2], mirror=sys.argv[2])
"""


def test_of_two_processes_one_downloads(site: Site, folder: Path) -> None:
    command = [sys.executable, "-c", FETCH, str(folder), site.address]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(timeout=1100) for process in both] == [0, 0]
    assert left(folder) == {FILE, FILE + PIN_SUFFIX}
    assert is_right(weights_file(SMALL, folder), folder)
    assert site.asked == ["/zoo/small-net.zip"]


def test_what_a_killed_process_left_is_swept(site: Site, folder: Path) -> None:
    (folder / WORKSHOP / ".tmp-dead").mkdir(parents=True)
    (folder / WORKSHOP / ".tmp-dead" / "archive.zip").write_bytes(b"half")
    bring(folder, site)
    assert left(folder) == {FILE, FILE + PIN_SUFFIX}


def test_a_broken_pin_file_is_said(site: Site, folder: Path) -> None:
    bring(folder, site)
    (folder / (FILE + PIN_SUFFIX)).write_text("{")
    with pytest.raises(AccessError, match=r"the pin file .* cannot be read"):
        weights_file(SMALL, folder)


def test_a_local_file_is_read_where_it_is(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(NET)
    model = Model("mine", "rtmpose", None, "rgb", "", local=path)
    file = weights_file(model, folder)
    assert (file.sha256, file.size_bytes, file.path) == (sha256_bytes(NET), len(NET), path)
    assert is_right(file, folder)
    fetch([model], folder, official=closed_address(), mirror=closed_address())
    assert not folder.exists()
    path.write_bytes(b"<html>")
    with pytest.raises(AccessError, match="is no ONNX model"):
        weights_file(model, folder)
    path.unlink()
    with pytest.raises(AccessError, match="cannot be read"):
        weights_file(model, folder)


def test_real_models_are_told_from_other_bytes(tmp_path: Path, shared_data: Path) -> None:
    assert is_onnx(shared_data / "weights" / "yolox_nano.onnx")
    assert not is_onnx(shared_data / "svk-clips" / "clips.csv")
    assert not is_onnx(shared_data / "svk-clips" / "hora-side.mp4")
    path = tmp_path / "net.onnx"
    onnx.save(onnx.load_from_string(NET), path)
    assert is_onnx(path)
