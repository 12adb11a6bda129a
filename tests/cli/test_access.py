"""What a person must do first: forms, licences, passwords, downloads. Exit 3 says what it is.

The commands run as processes with a recipe of our own beside them, registered as any package does
it (an entry point), whose archive a server on the loopback has.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from archives import zip_of
from trouble_server import TroubleServer

RECIPE = '''
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sign_etl.core.errors import UsageError
from sign_etl.core.folder_index import FolderIndex
from sign_etl.recipes.base import Archive, BaseRecipe, DatasetCard, RecipeOptions
from sign_etl.schema.clip import Clip, Source, clip_key


class Options(RecipeOptions):
    address: str = "http://127.0.0.1:9/ok/set.zip"
    """Where the archive is."""


class Shut(BaseRecipe):
    def __init__(self, name: str, **card: Any) -> None:
        self.name, self.version = name, "1"
        self.card = DatasetCard(
            title="A set that is shut", homepage="https://example.org/shut", language="ase",
            task="isolated", citation="Nobody: Nothing", layout_evidence="file", clips=2, **card,
        )

    def options(self, raw: Mapping[str, Any]) -> Options:
        return Options.model_validate(dict(raw))

    def archives(self, options: Options) -> tuple[Archive, ...]:
        if self.card.access in ("form", "login"):
            return ()
        return (Archive((options.address,)),)

    def clips(self, root: Path, options: Options, dataset: str) -> Iterator[Clip]:
        if options.media is None:
            raise UsageError("the list of clips is in the archive")
        for name in FolderIndex(options.media).media():
            yield Clip(clip_key(dataset, name, name), dataset, name, Source(name, names=(name,)))

    def fixture(self, root: Path) -> Mapping[str, Any]:
        raise AssertionError("not asked for")


FORM = Shut("shut-form", licence="academic use", access="form", how_to="Send the signed form")
LOGIN = Shut("shut-login", licence="academic use", access="login")
TERMS = Shut("shut-terms", licence="C-UDA-1.0", access="direct", terms="No commercial use.")
OPEN = Shut("shut-open", licence="CC0-1.0", access="direct")
'''


@pytest.fixture(scope="module")
def plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "shut_recipes.py").write_text(RECIPE)
    facts = folder / "shut-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: shut\nVersion: 1.0\n")
    names = ("FORM", "LOGIN", "TERMS", "OPEN")
    lines = (f"shut-{name.lower()} = shut_recipes:{name}\n" for name in names)
    (facts / "entry_points.txt").write_text("[sign_etl.recipes]\n" + "".join(lines))
    return folder


@pytest.fixture
def server(videos: Path, tmp_path: Path) -> Iterator[TroubleServer]:
    files = {f"clips/{name}.mp4": (videos / f"{name}.mp4").read_bytes() for name in ("a", "b")}
    content = zip_of(tmp_path / "set.zip", files).read_bytes()
    with TroubleServer({"set.zip": content}) as server:
        yield server


@pytest.fixture
def command(sign_etl: Any, plugins: Path, tmp_path: Path) -> Any:
    """Runs `sign-etl` with our recipes and a cache of its own."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        found: subprocess.CompletedProcess[str] = sign_etl(
            *arguments,
            **{
                "PYTHONPATH": str(plugins),
                "SIGN_ETL_CACHE": str(tmp_path / "cache"),
                "SIGN_ETL_NETRC": str(tmp_path / "netrc"),
                **environment,
            },
        )
        return found

    return run


def pipeline(tmp_path: Path, recipe: str, address: str = "", **fetch: Any) -> Path:
    """A pipeline without pose over one of our recipes."""
    dataset: dict[str, Any] = {"recipe": recipe}
    if address:
        dataset["address"] = address
    path = tmp_path / f"{recipe}.yaml"
    choices = {
        "name": recipe, "dataset": dataset, "pose": {}, "normalise": {"short_side": 64},
        "fetch": {"allow_private_hosts": ["127.0.0.1"], "attempts": 1, **fetch},
    }  # fmt: skip
    path.write_text(json.dumps(choices))  # JSON is YAML
    return path


def test_a_form_comes_first(command: Any, tmp_path: Path) -> None:
    done = command("ingest", pipeline(tmp_path, "shut-form"), "--out", tmp_path / "build")
    assert done.returncode == 3
    assert done.stderr == (
        "error: `shut-form` (A set that is shut) is given out after a form to its authors only: "
        "https://example.org/shut\n"
        "hint: Send the signed form, then run the same command with --media DIR\n"
    )
    assert not (tmp_path / "build").exists()


def test_a_login_comes_first(command: Any, tmp_path: Path) -> None:
    done = command("ingest", pipeline(tmp_path, "shut-login"), "--out", tmp_path / "build")
    assert done.returncode == 3
    assert "after a login only" in done.stderr
    assert "see https://example.org/shut, then run the same command with --media DIR" in done.stderr


def test_files_of_the_user_open_it(command: Any, videos: Path, tmp_path: Path) -> None:
    media = tmp_path / "mine"
    media.mkdir()
    (media / "a.mp4").write_bytes((videos / "a.mp4").read_bytes())
    build = tmp_path / "build"
    done = command("ingest", pipeline(tmp_path, "shut-form"), "--media", media, "--out", build)
    assert done.returncode == 0, done.stderr
    assert json.loads((build / "manifest.json").read_text())["licence_accepted"] is None


def test_a_licence_is_accepted_and_recorded(
    command: Any, server: TroubleServer, videos: Path, tmp_path: Path
) -> None:
    choices, build = pipeline(tmp_path, "shut-terms", server.url("ok/set.zip")), tmp_path / "build"
    done = command("ingest", choices, "--out", build)
    assert done.returncode == 3
    assert done.stderr == (
        "error: `shut-terms` comes under C-UDA-1.0: No commercial use\n"
        "hint: read https://example.org/shut; if you agree, add --accept-licence shut-terms\n"
    )
    assert not server.log, "downloaded before the licence was accepted"
    done = command("ingest", choices, "--out", build, "--accept-licence", "wlasl")
    assert done.returncode == 2
    assert "--accept-licence wlasl is not about this data set" in done.stderr

    done = command("ingest", choices, "--out", build, "--accept-licence", "shut-terms")
    assert done.returncode == 0, done.stderr
    assert "Downloading set.zip" in done.stderr
    manifest = json.loads((build / "manifest.json").read_text())
    assert manifest["licence_accepted"] is True
    assert manifest["counts"] == {"written": 2}
    events = [json.loads(line) for line in (build / ".sign-etl/events.jsonl").open()]
    accepted = [event for event in events if event["event"] == "licence"]
    assert [(event["dataset"], event["accepted"]) for event in accepted] == [
        ("shut-terms", "C-UDA-1.0")
    ]
    assert accepted[0]["at"]
    notes = [json.loads(path.read_text()) for path in tmp_path.rglob("licence.json")]
    assert [note["licence"] for note in notes] == ["C-UDA-1.0"]
    assert notes[0]["accepted_at"]

    # Another build of what is there needs no download, and so no acceptance; it stays on record.
    other = tmp_path / "other"
    done = command("ingest", choices, "--out", other)
    assert done.returncode == 0, done.stderr
    assert json.loads((other / "manifest.json").read_text())["licence_accepted"] is True
    assert server.statuses("ok/set.zip") == [200]

    # Files of the user's: nobody accepted anything here.
    third = tmp_path / "third"
    done = command("ingest", choices, "--out", third, "--media", videos)
    assert json.loads((third / "manifest.json").read_text())["licence_accepted"] is False


def test_a_plan_only_says_how_much(command: Any, server: TroubleServer, tmp_path: Path) -> None:
    choices = pipeline(tmp_path, "shut-terms", server.url("ok/set.zip"))
    for arguments in (("plan", choices), ("ingest", choices, "--plan")):
        done = command(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        reply = json.loads(done.stdout)["data"]
        assert (reply["clips"], reply["downloads"], reply["download_bytes"]) == (2, 1, None)
        assert reply["digest"] == ""
    done = command("plan", choices)
    assert "2 clips; their list is in what is still to be downloaded" in done.stderr + done.stdout
    assert "1 archive, unknown" in done.stdout
    assert not server.log


def test_an_archive_that_is_no_archive(command: Any, server: TroubleServer, tmp_path: Path) -> None:
    choices = pipeline(tmp_path, "shut-open", server.url("html/set.zip"))
    done = command("ingest", choices, "--out", tmp_path / "build")
    assert done.returncode == 3
    assert "error: cannot unpack `set.zip`: html\n" in done.stderr
    assert "hint: its place may have changed" in done.stderr


def test_a_password_is_used_and_never_kept(
    command: Any, server: TroubleServer, tmp_path: Path
) -> None:
    choices = pipeline(tmp_path, "shut-open", server.url("auth/set.zip"))
    netrc, build = tmp_path / "netrc", tmp_path / "build"
    done = command("ingest", choices, "--out", build)
    assert done.returncode == 3
    assert "http-forbidden (status 401)" in done.stderr
    assert f"machine HOST login USER password PASSWORD` into {netrc} (chmod 600)" in done.stderr
    netrc.write_text("machine 127.0.0.1 login jane password o-so-secret\n")
    netrc.chmod(0o644)
    done = command("ingest", choices, "--out", build)
    assert done.returncode == 3
    assert done.stderr == (
        f"error: others may read the passwords in {netrc}\nhint: chmod 600 {netrc}\n"
    )
    netrc.chmod(0o600)
    done = command("ingest", choices, "--out", build, "-vv")
    assert done.returncode == 0, done.stderr
    netrc.unlink()
    assert b"o-so-secret" not in done.stderr.encode() + done.stdout.encode()
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "build.lock" for path in kept)
    for path in kept:
        data = path.read_bytes()
        for word in (b"o-so-secret", b"amFuZTpvLXNvLXNlY3JldA"):
            assert word not in data, path


def test_a_cookies_file_is_checked_and_never_kept(
    command: Any, server: TroubleServer, tmp_path: Path
) -> None:
    cookies = tmp_path / "my-cookies.txt"
    choices = pipeline(tmp_path, "shut-open", server.url("ok/set.zip"), cookies_file=str(cookies))
    build = tmp_path / "build"
    done = command("ingest", choices, "--out", build)
    assert done.returncode == 3
    assert done.stderr.startswith("error: the file of `fetch.cookies_file` cannot be read")
    cookies.write_text("# Netscape HTTP Cookie File\n.youtube.com\tTRUE\t/\tTRUE\t0\tSID\to-so\n")
    cookies.chmod(0o644)
    done = command("ingest", choices, "--out", build, "-vv")
    assert done.returncode == 0, done.stderr
    assert "others may read your cookies" in done.stderr
    assert str(cookies) not in done.stderr
    for path in (*build.rglob("*"), *(tmp_path / "cache").rglob("*")):
        if path.is_file():
            assert b"my-cookies" not in path.read_bytes(), path


def test_a_second_run_of_the_same_download_waits_for_the_person(
    command: Any, server: TroubleServer, tmp_path: Path
) -> None:
    """Cut off in the middle: the same command goes on from there."""
    choices = pipeline(tmp_path, "shut-open", server.url("cut-once/set.zip"))
    done = command("ingest", choices, "--out", tmp_path / "build")
    assert done.returncode == 3
    assert "truncated" in done.stderr
    done = command("ingest", choices, "--out", tmp_path / "build")
    assert done.returncode == 0, done.stderr
    assert server.statuses("cut-once/set.zip") == [200, 206]


def test_annotations_without_addresses_need_the_files(command: Any, tmp_path: Path) -> None:
    done = command("ingest", "lsa64", "--set", "pose={}", "--out", tmp_path / "b")
    assert done.returncode == 3
    assert "name no address of a video" in done.stderr
    assert "--media" in done.stderr
