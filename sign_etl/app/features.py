"""Feature backends: which frozen networks there are, and what a model gives for a frame."""

from __future__ import annotations

from collections.abc import Iterable

from sign_etl.app.options import option_parts, options_from
from sign_etl.features.base import BACKENDS, FeatureBackend
from sign_etl.features.weights import installed
from sign_etl.pose.base import WeightsFile
from sign_etl.schema.feature_replies import (
    FeatureBackendPart,
    FeaturesInfo,
    FeaturesList,
    ModelFilePart,
)


def feature_backends() -> FeaturesList:
    """All feature backends.

    Example:
        >>> [part.name for part in feature_backends().backends]
        ['clip', 'pixels', 'timm']
    """
    return FeaturesList(backends=tuple(_part(BACKENDS.get(name)) for name in BACKENDS.names()))


def feature_info(name: str, settings: Iterable[str] = ()) -> FeaturesInfo:
    """Everything about one backend, and with `model=DIR` about a model of it.

    Args:
        name: of the backend.
        settings: options `key=value`; where they lack one that it needs, no model is looked at.

    Raises:
        ConfigError: there is none of this name, or a wrong option.
        AccessError: the model's folder has not what it must have.

    Example:
        >>> feature_info("pixels", ["side=4"]).size
        16
    """
    backend = BACKENDS.get(name)
    given = tuple(settings)
    part = _part(backend)
    size: int | None = None
    files: tuple[ModelFilePart, ...] = ()
    if given or not part.needs:
        hint = f"see `sign-etl features info {name}`"
        options = options_from(backend.options, given, f"the options of `{name}`", hint=hint)
        files = tuple(map(_file, backend.weights(options)))
        size = backend.size(options) or None
    return FeaturesInfo(backend=part, size=size, files=files, options=option_parts(backend.options))


def _part(backend: FeatureBackend) -> FeatureBackendPart:
    options = option_parts(backend.options)
    return FeatureBackendPart(
        name=backend.name,
        title=backend.title,
        version=backend.version,
        extra=backend.extra,
        installed=backend.extra is None or installed(backend),
        needs=tuple(option.name for option in options if option.required),
    )


def _file(file: WeightsFile) -> ModelFilePart:
    return ModelFilePart(
        name=file.name,
        sha256=file.sha256,
        size_bytes=file.size_bytes,
        licence=file.licence,
        origin=file.origin,
        folder=str(file.path.parent) if file.path is not None else None,
    )
