"""What `features list` and `features info` print with `--json`."""

from __future__ import annotations

from sign_etl.schema.replies import OptionPart, Part, Reply


class FeatureBackendPart(Part):
    """A feature backend in the list."""

    name: str
    title: str
    version: str
    extra: str | None
    """The optional dependency set that it needs."""
    installed: bool
    """Whether that is installed."""
    needs: tuple[str, ...]
    """Options that have no default, such as the folder of a model."""


class FeaturesList(Reply):
    """`features list`."""

    command = "features-list"
    backends: tuple[FeatureBackendPart, ...]


class ModelFilePart(Part):
    """A model file of a feature backend, as it is here."""

    name: str
    sha256: str | None
    size_bytes: int | None
    licence: str
    """As the card in the model's folder says; `unknown` where it says nothing."""
    origin: str
    """Official address, or `a local folder`."""
    folder: str | None
    """Where it lies."""


class FeaturesInfo(Reply):
    """`features info`."""

    command = "features-info"
    backend: FeatureBackendPart
    size: int | None
    """D: numbers for each frame; null where the options or the network itself decide."""
    files: tuple[ModelFilePart, ...]
    """Empty where it needs none, or where the options do not say yet which ones."""
    options: tuple[OptionPart, ...]
    """What may stand under `features: NAME:` in a pipeline."""
