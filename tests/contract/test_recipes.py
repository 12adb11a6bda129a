"""What every recipe promises, ours and those of other packages, over its own fixture."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sign_etl.core.errors import ConfigError
from sign_etl.core.folder_index import FolderIndex
from sign_etl.recipes.base import RECIPES, Recipe, RecipeOptions
from sign_etl.schema.clip import KEY_PATTERN, Clip
from sign_etl.schema.config import load_pipeline

PIPELINES = Path(__file__).resolve().parents[2] / "pipelines"
DATASET = "contract"


@dataclass(frozen=True)
class Read:
    """A recipe's fixture, read."""

    recipe: Recipe
    root: Path
    raw: Mapping[str, Any]
    options: RecipeOptions
    clips: list[Clip]


def refuse_download(url: str, path: Path, *, sha256: str | None = None) -> None:
    raise AssertionError(f"a fixture needs no network, but {url} was asked for")


@pytest.fixture(scope="module", params=RECIPES.names())
def read(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Read:
    recipe = RECIPES.get(request.param)
    root = tmp_path_factory.mktemp(request.param)
    raw = recipe.fixture(root)
    options = recipe.options(raw)
    recipe.fetch_index(root, options, refuse_download)
    return Read(recipe, root, raw, options, list(recipe.clips(root, options, DATASET)))


def test_card_is_complete(read: Read) -> None:
    card = read.recipe.card
    for text in (card.title, card.licence, card.citation, read.recipe.version, *card.notes):
        assert text.strip() == text != ""
        assert "\n" not in text
    if card.access not in ("none", "local"):
        assert re.fullmatch(r"https?://\S+", card.homepage)
    assert re.fullmatch(r"[a-z]{3}", card.language), "an ISO 639-3 code"
    assert card.clips is None or card.clips > 0
    assert card.signers is None or card.signers > 0


def test_names_are_those_of_the_registry(read: Read) -> None:
    assert RECIPES.get(read.recipe.name) is read.recipe
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", read.recipe.name)


def test_fixture_has_clips(read: Read) -> None:
    assert len(read.clips) >= 3
    assert all(clip.dataset == DATASET for clip in read.clips)


def test_keys_are_legal_and_unique(read: Read) -> None:
    keys = [clip.key for clip in read.clips]
    assert len(set(keys)) == len(keys)
    for key in keys:
        assert KEY_PATTERN.fullmatch(key)
        assert key.startswith(f"{DATASET}-")


def test_annotation_ids_are_unique(read: Read) -> None:
    ids = [clip.annotation_id for clip in read.clips]
    assert len(set(ids)) == len(ids)
    assert all(ids)


def test_reading_twice_gives_the_same(read: Read) -> None:
    again = list(read.recipe.clips(read.root, read.options, DATASET))
    assert again == read.clips


def test_keys_carry_the_data_sets_name_and_nothing_of_the_machine(
    read: Read, tmp_path: Path
) -> None:
    raw = read.recipe.fixture(tmp_path)
    options = read.recipe.options(raw)
    read.recipe.fetch_index(tmp_path, options, refuse_download)
    elsewhere = [clip.key for clip in read.recipe.clips(tmp_path, options, DATASET)]
    assert elsewhere == [clip.key for clip in read.clips]
    renamed = [clip.key for clip in read.recipe.clips(tmp_path, options, "other")]
    assert not set(renamed) & set(elsewhere)


def test_splits_are_known(read: Read) -> None:
    assert {clip.split for clip in read.clips} <= {"train", "val", "test", ""}


def test_spans_are_positive(read: Read) -> None:
    for clip in read.clips:
        assert clip.start_s >= 0
        assert clip.end_s is None or clip.end_s > clip.start_s
        assert clip.declared_fps is None or clip.declared_fps > 0


def test_languages_are_codes(read: Read) -> None:
    assert all(re.fullmatch(r"[a-z]{3}", clip.language) for clip in read.clips)


def test_every_clip_means_something(read: Read) -> None:
    assert all(clip.label or clip.gloss or clip.text for clip in read.clips)


def test_one_source_is_described_in_one_way(read: Read) -> None:
    by_id = {clip.source.id: clip.source for clip in read.clips}
    assert all(by_id[clip.source.id] == clip.source for clip in read.clips)


def test_sources_can_be_had(read: Read) -> None:
    for clip in read.clips:
        source = clip.source
        assert source.url or source.names
        assert source.url is None or re.match(r"https?://", source.url)
        for name in source.names:
            assert not name.startswith("/")
            assert ".." not in name.split("/")


def test_files_of_the_fixture_are_found_by_their_names(read: Read) -> None:
    folder = read.recipe.media(read.root, read.options)
    if folder is None:
        pytest.skip("the fixture of this recipe has no files")
    index = FolderIndex(folder)
    for clip in read.clips:
        find = index.find_folder if clip.source.frames_fps else index.find
        assert find(clip.source.names), clip.source.id


def test_labels_cover_the_clips(read: Read) -> None:
    labels = read.recipe.labels(read.root, read.options)
    if labels is None:
        return
    assert len(set(labels)) == len(labels)
    assert {clip.label for clip in read.clips if clip.label is not None} <= set(labels)


def test_synonyms_lead_to_one_word(read: Read) -> None:
    synonyms = read.recipe.synonyms(read.root, read.options)
    for raw, word in synonyms.items():
        assert raw
        assert word.strip() == word != ""
        assert synonyms.get(word, word) == word


def test_extra_is_text(read: Read) -> None:
    for clip in read.clips:
        for name, value in clip.extra.items():
            assert isinstance(name, str)
            assert isinstance(value, str)


def test_unknown_options_are_refused(read: Read) -> None:
    with pytest.raises((ValidationError, ConfigError), match="medai"):
        read.recipe.options({"medai": "x"})


def test_options_explain_themselves(read: Read) -> None:
    for name, field in type(read.options).model_fields.items():
        assert field.description, f"option `{name}` has no description"
    with pytest.raises(ValidationError):
        read.options.media = None  # type: ignore[misc]


def test_a_pipeline_builds_it(read: Read) -> None:
    pipeline = load_pipeline(PIPELINES / f"{read.recipe.name}.yaml")
    assert pipeline.name == read.recipe.name
    assert pipeline.dataset.recipe == read.recipe.name


@pytest.mark.parametrize("path", sorted(PIPELINES.glob("*.yaml")), ids=lambda path: path.stem)
def test_pipelines_are_valid_and_say_how_to_run_them(path: Path) -> None:
    pipeline = load_pipeline(path)
    RECIPES.get(pipeline.dataset.recipe).options(pipeline.dataset.options)
    assert pipeline.name == path.stem
    assert pipeline.description
    header = path.read_text(encoding="utf-8").split("schema:")[0]
    assert f"sign-etl ingest {path.stem}" in header
    assert f"`{path.name}`" in (PIPELINES / "README.md").read_text(encoding="utf-8")
