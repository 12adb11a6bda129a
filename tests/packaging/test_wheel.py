"""The wheel, installed in a clean environment, is whole and takes no name that is not ours."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
CONTENT = ("pipelines", "schemas", "training")
NETWORK_FAULTS = ("error sending request", "Failed to fetch", "dns error", "Connection refused")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built without the network."""
    pytest.importorskip("hatchling", reason="hatchling is not installed (make setup)")
    folder = tmp_path_factory.mktemp("dist")
    build(folder, "wheel")
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` folder of a clean environment with `sign-etl[blazepose]` from the wheel."""
    uv = pytest.importorskip("uv", reason="uv is not installed (make setup)").find_uv_bin()
    folder = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    install = [
        *(uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python"),
        *("--constraint", CHECKOUT / "constraints" / "constraints.txt"),
        *("--override", CHECKOUT / "constraints" / "overrides.txt"),
        *(f"{wheel}[blazepose]", "opencv-contrib-python-headless"),
    ]
    # What `make` has installed lies in uv's cache, so that this seldom needs the package index.
    for network in (["--offline"], []):
        done = subprocess.run([*install, *network], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return folder / "bin"
    if any(fault in done.stderr for fault in NETWORK_FAULTS):
        pytest.skip("the package index cannot be reached, and uv's cache lacks a dependency")
    pytest.fail(done.stderr)


def build(folder: Path, target: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", folder],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def run(bin_folder: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the clean environment, far from the checkout."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME")
    }
    return subprocess.run(
        [str(bin_folder / arguments[0]), *arguments[1:]],
        cwd=home,
        env=kept,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def files_of(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_string(archive.read(name).decode())


def test_no_generic_name_leaks(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert "sign_etl" in tops
    assert {top for top in tops if not top.startswith("sign_etl-")} == {"sign_etl"}


def test_package_and_content_are_whole(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name.removeprefix("sign_etl/") for name in archive.namelist()}
    content = {f"_content/{kind}/{name}" for kind in CONTENT for name in files_of(CHECKOUT / kind)}
    assert any(name.startswith("_content/pipelines/") for name in content)
    assert any(name.startswith("_content/schemas/") for name in content)
    assert content | files_of(CHECKOUT / "sign_etl") == {
        name for name in packed if not name.startswith("sign_etl-")
    }
    assert "py.typed" in packed


def test_metadata(wheel: Path) -> None:
    metadata = metadata_of(wheel)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Requires-Python"] == "<3.14,>=3.11"
    assert set(metadata.get_all("Provides-Extra", [])) == {
        *("all", "archives", "blazepose", "clearml", "export", "gdrive", "huggingface", "kaggle"),
        *("keypoints", "ray", "report", "rerun", "rtmpose", "s3", "train", "xlsx", "youtube"),
    }
    core = [line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line]
    heavy = ("torch", "ray", "mediapipe", "onnxruntime", "pandas", "opencv", "webdataset")
    assert not [line for line in core if line.startswith(heavy)], "the core stays small"


def test_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    build(tmp_path, "sdist")
    (archive,) = tmp_path.glob("*.tar.gz")
    shutil.unpack_archive(archive, tmp_path / "unpacked", filter="data")
    (source,) = (tmp_path / "unpacked").iterdir()
    assert {"Makefile", "LICENSE", "README.md", "constraints", "tests"} <= {
        path.name for path in source.iterdir()
    }
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "again"]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (again,) = (tmp_path / "again").glob("*.whl")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        assert first.namelist() == second.namelist()
        assert {name: first.read(name) for name in first.namelist()} == {
            name: second.read(name) for name in second.namelist()
        }


def test_commands_run_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    version = run(installed, tmp_path, "sign-etl", "--version")
    assert version.returncode == 0, version.stderr
    helped = run(installed, tmp_path, "sign-etl", "--help")
    assert helped.returncode == 0, helped.stderr
    assert "ingest" in helped.stdout


def test_content_is_found_in_the_wheel(installed: Path, tmp_path: Path) -> None:
    program = (
        "from sign_etl.core.content import content_dir\n"
        "for kind in ('pipelines', 'schemas'):\n"
        "    folder = content_dir(kind)\n"
        "    assert folder.parent.name == '_content', folder\n"
        "    assert any(folder.iterdir()), folder\n"
    )
    done = run(installed, tmp_path, "python", "-c", program)
    assert done.returncode == 0, done.stderr


def test_the_demo_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    demo = run(installed, tmp_path, "sign-etl", "demo", "--out", "demo-build")
    assert demo.returncode == 0, demo.stderr
    assert (tmp_path / "demo-build" / "manifest.json").is_file()
    verified = run(installed, tmp_path, "sign-etl", "verify", "demo-build")
    assert verified.returncode == 0, verified.stderr
