"""Keypoints that you or others extracted: a folder of files, a table over them, or one array.

    sign-etl ingest keypoints --media DIR                            DIR/[train/][LABEL/]FILE.pose
    sign-etl ingest keypoints --media DIR --annotations clips.csv    columns as for `folder`, `part`
    sign-etl ingest keypoints --media FILE.npz --set dataset.x=X --set dataset.label=y ...

The build has keypoints and no videos. Formats: `.pose`, `.npy`, `.npz`, Uni-Sign and OpenHands
pickles, SPOTER tables, GISLR parquet, MediaPipe JSON. All clips of a build have one layout.

An `.npz` often holds a whole data set: an array of clips (`x`), their labels (`label`) and what
tells them apart (`take`, `signer`), all of the same length; `val_takes` and `test_takes` split it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from sign_etl.core.errors import UsageError
from sign_etl.core.files import write_bytes
from sign_etl.core.folder_index import FolderIndex
from sign_etl.recipes.base import BaseRecipe, DatasetCard, Recipe, RecipeOptions, own
from sign_etl.recipes.folder import clip_of_file
from sign_etl.recipes.folder_table import read_clips
from sign_etl.recipes.keypoint_columns import numbers, read_columns
from sign_etl.schema.clip import Clip, Source, clip_key
from sign_etl.schema.keypoint_set import FORMAT_LAYOUTS, KeypointSet
from sign_etl.schema.layouts import layout

Format = Literal[
    "gislr", "mediapipe-json", "npy", "npz", "openhands", "pose", "spoter-csv", "unisign"
]

EXTENSIONS = {
    ".csv": ("spoter-csv",),
    ".json": ("mediapipe-json",),
    ".npy": ("npy",),
    ".npz": ("npz",),
    ".parquet": ("gislr",),
    ".pickle": ("unisign", "openhands"),
    ".pkl": ("unisign", "openhands"),
    ".pose": ("pose",),
}
"""Which formats a file with this extension may have."""


class KeypointsOptions(RecipeOptions):
    """Options of `keypoints`."""

    format: Format | None = None
    """What the files are, where their extension does not tell (`.pkl`)."""
    layout: str | None = None
    """Which points they hold, see `schemas/layouts-1.json`; default what the format usually has.
    Plain arrays do not tell, so there it must be named."""
    fps: float | None = Field(default=None, gt=0, le=1000)
    """Frames per second, where neither file nor table says it."""
    width: int | None = Field(default=None, ge=1)
    """Width of the pictures in pixels, where the files do not say it."""
    height: int | None = Field(default=None, ge=1)
    """Height of the pictures in pixels, likewise."""
    y_axis: Literal["down", "up"] = "down"
    """`up` where y grows upwards (Apple Vision)."""
    language: str = Field(default="und", pattern=r"^[a-z]{3}$")
    """ISO 639-3 code of the sign language, where no column says it."""
    x: str | None = None
    """Name of the array of clips in an `.npz` that holds them all."""
    label: str | None = None
    """Name of the array of their labels."""
    take: str | None = None
    """Name of the array of their take numbers."""
    signer: str | None = None
    """Name of the array of their signers."""
    val_takes: str = Field(default="", coerce_numbers_to_str=True, pattern=r"^[0-9, -]*$")
    """Takes for validation, such as `20-24`."""
    test_takes: str = Field(default="", coerce_numbers_to_str=True, pattern=r"^[0-9, -]*$")
    """Takes for the test."""


class Keypoints(BaseRecipe):
    """The recipe."""

    name = "keypoints"
    version = "1"
    takes = KeypointsOptions
    card = DatasetCard(
        title="Keypoints of your own",
        homepage="https://github.com/sign-etl/sign-etl",
        language="und",
        task="any",
        licence="yours",
        access="local",
        citation="yours",
        layout_evidence="file",
        notes=(
            "--media names a folder, or one .npz file that holds all clips.",
            "--annotations names a table as for `folder`; its column `part` names a row or array.",
            "Files: .pose, .npy, .npz, .pkl (Uni-Sign, OpenHands), .csv (SPOTER), .parquet, .json.",
        ),
    )

    def media(self, root: Path, options: RecipeOptions) -> Path | None:
        """The folder; that of the file where one is given."""
        media = options.media
        return media.parent if media is not None and media.is_file() else media

    def keypoints(self, options: RecipeOptions) -> KeypointSet:
        """See `Recipe`.

        Raises:
            UsageError: format or layout are not told.
            ConfigError: there is no such layout.
        """
        mine = own(options, KeypointsOptions)
        form = mine.format or _found_format(mine)
        name = mine.layout or FORMAT_LAYOUTS[form]
        if name is None:
            raise UsageError(
                f"a file of the format `{form}` does not tell which points it holds",
                hint="say it: `--set dataset.layout=hands-42`, `sign-etl schemas show layouts`",
            )
        return KeypointSet(
            layout(name).name, mine.fps, mine.width, mine.height, mine.y_axis == "up"
        )

    def clips(self, root: Path, options: RecipeOptions, dataset: str) -> Iterator[Clip]:
        """See `Recipe`.

        Raises:
            UsageError: there is no folder, no file of keypoints, or their format is not told.
            AnnotationError: the table or the array contradicts something.
        """
        mine = own(options, KeypointsOptions)
        if mine.media is not None and mine.x is not None:
            yield from _stacked(mine.media, mine, dataset)
        elif mine.annotations is not None:
            yield from read_clips(
                mine.annotations,
                dataset,
                mine.language,
                trimmed=mine.media_kind == "trimmed",
                keypoints=lambda file: mine.format or _format_of(file),
            )
        else:
            for file in _files(mine):
                form = mine.format or _format_of(file)
                yield clip_of_file(file, dataset, mine.language, keypoints=form)

    def fixture(self, root: Path) -> Mapping[str, Any]:
        """Three small arrays and their table, one of them with two clips in it."""
        import numpy as np

        from sign_etl.recipes.fixture_keypoints import waving

        (root / "media" / "greek").mkdir(parents=True, exist_ok=True)
        stacked = np.stack([waving(20, 42, seed=seed) for seed in (1, 2)])
        depth = np.zeros((*stacked.shape[:-1], 1), np.float32)
        np.save(root / "media" / "-wave.npy", np.concatenate([stacked, depth], axis=-1))
        np.save(root / "media" / "greek" / "γεια.npy", waving(12, 42, seed=3).reshape(12, 84))
        table = (
            "file,part,label,split,signer,fps\n"
            "-wave.npy,0,wave,train,0,25\n"
            "-wave.npy,1,wave,val,1,25\n"
            "greek/γεια.npy,,ΓΕΙΑ,test,2,25\n"
        )
        write_bytes(root / "clips.csv", table.encode("utf-8"))
        return {
            "media": root / "media",
            "annotations": root / "clips.csv",
            "layout": "hands-42",
            "language": "zxx",
        }


RECIPE: Recipe = Keypoints()


def _stacked(path: Path, options: KeypointsOptions, dataset: str) -> Iterator[Clip]:
    """The clips of an array that holds them all."""
    assert options.x is not None
    described = {"label": options.label, "take": options.take, "signer": options.signer}
    wanted = [name for name in described.values() if name is not None]
    columns = read_columns(path, options.x, wanted)
    val, test = numbers(options.val_takes), numbers(options.test_takes)
    if (val or test) and options.take is None:
        raise UsageError(
            "a split by takes needs the array of takes", hint="name it: `--set dataset.take=...`"
        )
    for index in range(columns.count):
        facts = {
            name: columns.by_name[array][index] if array else None
            for name, array in described.items()
        }
        part = f"{options.x}/{index}"
        source_id = f"{path.name}#{part}"
        take = facts["take"]
        yield Clip(
            key=clip_key(
                dataset,
                part,
                source_id,
                slug="-".join(filter(None, (facts["label"], take or str(index)))),
            ),
            dataset=dataset,
            annotation_id=part,
            source=Source(id=source_id, names=(path.name,), keypoints="npz", part=part),
            split=_split(take, val, test),
            label=facts["label"],
            language=options.language,
            signer=facts["signer"],
            extra={"take": take} if take else {},
        )


def _split(take: str | None, val: frozenset[int], test: frozenset[int]) -> str:
    if not (val or test):
        return ""
    number = int(take) if take is not None and take.isdigit() else -1
    return "val" if number in val else "test" if number in test else "train"


def _files(options: KeypointsOptions) -> list[str]:
    if options.media is None:
        raise UsageError("`keypoints` needs files", hint="add --media DIR or --media FILE.npz")
    if options.media.is_file():
        return [options.media.name]
    known = [name for name, forms in EXTENSIONS.items() if options.format in (None, *forms)]
    files = [
        file for file in FolderIndex(options.media).files() if Path(file).suffix.lower() in known
    ]
    if not files:
        raise UsageError(
            f"no file of keypoints below `{options.media}`", hint=f"looked for {', '.join(known)}"
        )
    return files


def _found_format(options: KeypointsOptions) -> str:
    """The format of the files, where all have the same."""
    forms = {_format_of(file) for file in _files(options)}
    if len(forms) > 1:
        raise UsageError(
            f"files of several formats below `{options.media}`: {', '.join(sorted(forms))}",
            hint="take one of them: `--set dataset.format=...`",
        )
    return forms.pop()


def _format_of(file: str) -> str:
    forms = EXTENSIONS.get(Path(file).suffix.lower(), ())
    if len(forms) == 1:
        return forms[0]
    known = " or ".join(f"`{form}`" for form in forms or sorted(FORMAT_LAYOUTS))
    raise UsageError(
        f"the extension of `{file}` does not tell its format",
        hint=f"say it with `--set dataset.format=...`: {known}",
    )
