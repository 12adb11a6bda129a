"""Where a CLIP comes from: a local folder or a hub name through transformers, or chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import torch
from pydantic import Field
from torch import Tensor, nn

from sign_etl.core.canonical import sha256_file
from sign_etl.core.errors import AccessError, ConfigError
from sign_etl.models.clip_tower import ClipTower, TowerShape, shape_of
from sign_etl.schema.pipeline import Settings

WEIGHTS: Final = "model.safetensors"
SEED: Final = 0
"""Of random towers: a run finds the same one again."""


class RandomTower(Settings):
    """Sizes of a picture tower with random weights, for trials without any download."""

    width: int = Field(default=64, ge=8)
    """Size of a token."""
    layers: int = Field(default=5, ge=1)
    """Blocks."""
    heads: int = Field(default=4, ge=1)
    """Attention heads; they divide `width`."""
    patch: int = Field(default=16, ge=2)
    """Side of a patch in pixels."""
    size: int = Field(default=64, ge=8)
    """Side of a picture in pixels, a multiple of `patch`."""


def picture_tower(name: str, random: RandomTower | None, last: int) -> ClipTower:
    """The picture tower of a CLIP; on torch's `meta` device without its weights.

    Args:
        name: folder or hub name.
        random: take a random tower of these sizes instead.
        last: blocks to look into.

    Raises:
        AccessError: it is not there.
        ConfigError: it is no CLIP, or has too few blocks.
    """
    from transformers import CLIPVisionModel

    if random is not None:
        return ClipTower(_drawn(CLIPVisionModel, _config_of(name, random)), last)
    if torch.empty(0).device.type == "meta":
        return ClipTower(CLIPVisionModel(_config_of(name, None)), last)
    return ClipTower(_loaded(CLIPVisionModel, name), last)


def tower_shape(name: str, random: RandomTower | None) -> TowerShape:
    """The sizes of a tower, from its configuration alone.

    Raises:
        AccessError: it is not there.
    """
    return shape_of(_config_of(name, random))


def _config_of(name: str, random: RandomTower | None) -> Any:
    from transformers import CLIPVisionConfig

    if random is None:
        return _config(CLIPVisionConfig, name)
    return CLIPVisionConfig(
        hidden_size=random.width,
        intermediate_size=4 * random.width,
        num_hidden_layers=random.layers,
        num_attention_heads=random.heads,
        patch_size=random.patch,
        image_size=random.size,
    )


def whole_clip(name: str) -> Any:
    """Both towers with their projections; on torch's `meta` device without the weights.

    Raises:
        AccessError: it is not there.
    """
    from transformers import CLIPConfig, CLIPModel

    if torch.empty(0).device.type == "meta":
        return CLIPModel(_config(CLIPConfig, name))
    return _loaded(CLIPModel, name)


def text_vectors(clip: Any, name: str, texts: Sequence[str]) -> Tensor:
    """(N, D) unit vectors of sentences by the text tower.

    Args:
        clip: of `whole_clip`.
        name: folder or hub name, for the tokenizer.
        texts: N sentences.

    Raises:
        AccessError: the tokenizer is not there.
        ConfigError: two sentences are the same to it: it cuts them off, or lacks their script.
    """
    from transformers import AutoTokenizer

    tokenizer = _fetched(AutoTokenizer, name)
    tokens = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt")
    seen: dict[tuple[int, ...], str] = {}
    for row, text in zip(tokens["input_ids"].tolist(), texts, strict=True):
        other = seen.setdefault(tuple(row), text)
        if other is not text:
            raise ConfigError(
                f"to the tokenizer of this CLIP `{other}` and `{text}` are the same",
                hint="call the classes otherwise: `model.words`, or shorter `model.prompts`",
            )
    with torch.no_grad():
        hidden = clip.text_model(
            input_ids=tokens["input_ids"], attention_mask=tokens["attention_mask"]
        )
        projected: Tensor = clip.text_projection(hidden.pooler_output)
    return nn.functional.normalize(projected, dim=-1)


def same_weights(name: str, digests: Mapping[str, str]) -> None:
    """Refuse a CLIP that is not the one that features were made with.

    Args:
        name: folder or hub name.
        digests: sha256 of the model's files by name, as the build tells them.

    Raises:
        ConfigError: it is another one.
    """
    from transformers.utils.hub import cached_file

    wanted = digests.get(WEIGHTS)
    if wanted is None or torch.empty(0).device.type == "meta":
        return  # in several files, or only its sizes are asked for
    try:
        found = Path(str(cached_file(name, WEIGHTS, local_files_only=True)))
    except OSError:
        return  # in another format: the tower itself says whether it can be loaded
    state = found.stat()
    if _digest(found, state.st_size, state.st_mtime_ns) != wanted:
        raise ConfigError(
            f"the features are of another CLIP than `{name}` (sha256 {wanted[:16]}...)",
            hint="set `model.clip` to the folder that the features were made with",
        )


@lru_cache(maxsize=16)
def _digest(path: Path, size_bytes: int, mtime_ns: int) -> str:
    return sha256_file(path)


def _drawn(kind: Any, config: Any) -> Any:
    if torch.empty(0).device.type == "meta":
        return kind(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return kind(config)


def _loaded(kind: Any, name: str) -> Any:
    with _quiet():
        found, notes = _fetched(kind, name, dtype=torch.float32, output_loading_info=True)
    if notes["missing_keys"]:
        raise ConfigError(
            f"`{name}` is no CLIP: it lacks {len(notes['missing_keys'])} tensors",
            hint="take one as openai/clip-vit-base-patch16",
        )
    return found


@contextmanager
def _quiet() -> Iterator[None]:
    """Nobody wants to read that one tower leaves the weights of the other one alone."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _config(kind: Any, name: str) -> Any:
    return _fetched(kind, name)


def _fetched(kind: Any, name: str, **settings: Any) -> Any:
    """What is here, in a folder or in the hub's cache; else what the hub has.

    A hub is asked about its own cache otherwise, again and again where there is no network.
    """
    try:
        return kind.from_pretrained(name, local_files_only=True, **settings)
    except (OSError, ValueError):
        pass
    try:
        return kind.from_pretrained(name, **settings)
    except (OSError, ValueError) as error:
        raise _absent(name) from error


def _absent(name: str) -> AccessError:
    return AccessError(
        f"the CLIP `{name}` cannot be loaded",
        hint="set `model.clip` to a folder that holds it, as "
        "`hf download openai/clip-vit-large-patch14 --local-dir DIR` makes one",
    )
