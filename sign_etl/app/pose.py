"""Pose backends: what there is, what is installed, and their weights."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from sign_etl.app.options import option_parts, options_from
from sign_etl.core.errors import AccessError
from sign_etl.core.places import weights_folder
from sign_etl.pose.base import BACKENDS, PoseBackend, WeightsFile
from sign_etl.pose.weights import installed, is_right, place, providers
from sign_etl.schema.layouts import layout
from sign_etl.schema.replies import BackendPart, PoseFetch, PoseInfo, PoseList, WeightsPart

FileState = Literal["present", "missing", "damaged"]


def backends() -> PoseList:
    """All pose backends.

    Example:
        >>> "blazepose" in [part.name for part in backends().backends]
        True
    """
    return PoseList(backends=tuple(_part(BACKENDS.get(name)) for name in BACKENDS.names()))


def backend_info(name: str, settings: Iterable[str] = ()) -> PoseInfo:
    """Everything about one backend.

    Args:
        name: of the backend.
        settings: options `key=value`, which may change layout and weights.

    Raises:
        ConfigError: there is none of this name, or a wrong option.

    Example:
        >>> backend_info("blazepose").backend.layout
        'holistic-75'
    """
    backend = BACKENDS.get(name)
    options = backend_options(backend, settings)
    points = layout(backend.layout(options))
    return PoseInfo(
        backend=_part(backend, options),
        version=backend.version,
        points=points.points,
        channels=points.channels,
        weights=_weights(backend, options),
        folder=str(weights_folder()),
        providers=providers(backend),
        options=option_parts(backend.options),
    )


def fetch_weights(name: str, settings: Iterable[str] = ()) -> PoseFetch:
    """Bring the missing model files of a backend, verified.

    Args:
        name: of the backend.
        settings: options `key=value`, which may ask for more files.

    Raises:
        ConfigError: there is none of this name, or a wrong option.
        AccessError: they cannot be had; the hint says what to do.

    Example:
        >>> fetch_weights("blazepose").folder
        '/home/anna/.cache/sign-etl/weights'
    """
    backend = BACKENDS.get(name)
    options = backend_options(backend, settings)
    folder = weights_folder()
    backend.fetch(options, folder)
    weights = _weights(backend, options)
    wrong = [part.name for part in weights if part.state != "present"]
    if wrong:
        raise AccessError(
            f"the weights of `{name}` are not what they must be: {', '.join(wrong)}",
            hint=f"delete {folder} and run `sign-etl pose fetch {name}` again",
        )
    return PoseFetch(backend=name, folder=str(folder), weights=weights)


def weights_state(
    backend: PoseBackend, options: BaseModel | None = None
) -> Literal["none", "present", "missing", "damaged"]:
    """Whether the model files of a backend are there and right, read to their last byte."""
    chosen = backend.options({}) if options is None else options
    states = {part.state for part in _weights(backend, chosen)}
    if not states:
        return "none"
    if "damaged" in states:
        return "damaged"
    return "missing" if "missing" in states else "present"


def backend_options(backend: PoseBackend, settings: Iterable[str]) -> BaseModel:
    """Options of a backend from `key=value` settings.

    Raises:
        ConfigError: an unknown key or a wrong value.
    """
    hint = f"see `sign-etl pose info {backend.name}`"
    return options_from(backend.options, settings, f"the options of `{backend.name}`", hint=hint)


def _part(backend: PoseBackend, options: BaseModel | None = None) -> BackendPart:
    chosen = backend.options({}) if options is None else options
    return BackendPart(
        name=backend.name,
        title=backend.title,
        layout=backend.layout(chosen),
        extra=backend.extra,
        installed=backend.extra is None or installed(backend),
        weights=weights_state(backend, chosen),
    )


def _weights(backend: PoseBackend, options: BaseModel) -> tuple[WeightsPart, ...]:
    folder = weights_folder()
    return tuple(
        WeightsPart(
            name=file.name,
            sha256=file.sha256,
            size_bytes=file.size_bytes,
            licence=file.licence,
            origin=file.origin,
            state=_state(file, folder),
        )
        for file in backend.weights(options, folder)
    )


def _state(file: WeightsFile, folder: Path) -> FileState:
    if is_right(file, folder):
        return "present"
    return "damaged" if place(file, folder).exists() else "missing"
