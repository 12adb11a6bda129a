"""What data sets there are, from the cards of the recipes."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

from sign_etl.app.options import option_parts
from sign_etl.app.pipelines import bundled
from sign_etl.core.errors import UsageError, near_miss
from sign_etl.recipes.base import RECIPES, DatasetCard, Recipe
from sign_etl.schema.replies import DatasetPart, DatasetsInfo, DatasetsList


def datasets(
    *,
    language: str | None = None,
    task: str | None = None,
    access: str | None = None,
    licence: str | None = None,
) -> DatasetsList:
    """All data sets, or those that match.

    Args:
        language: ISO 639-3 code of the sign language.
        task: as in `DatasetCard.task`.
        access: as in `DatasetCard.access`.
        licence: a part of the licence's name, capitals or not.

    Raises:
        UsageError: no card may hold such a task or access.

    Example:
        >>> [part.name for part in datasets(language="gss").datasets]
        ['gsl-continuous', 'gsl-isolated']
    """
    _known("task", task)
    _known("access", access)
    parts = [_part(RECIPES.get(name)) for name in RECIPES.names()]
    return DatasetsList(
        datasets=tuple(
            part
            for part in parts
            if language in (None, part.language)
            and task in (None, part.task)
            and access in (None, part.access)
            and (licence is None or licence.casefold() in part.licence.casefold())
        )
    )


def dataset_info(name: str) -> DatasetsInfo:
    """Everything about one data set.

    Args:
        name: of the data set.

    Raises:
        ConfigError: there is none of this name.

    Example:
        >>> dataset_info("wlasl").dataset.licence
        'C-UDA-1.0'
    """
    recipe = RECIPES.get(name)
    return DatasetsInfo(
        dataset=_part(recipe),
        version=recipe.version,
        homepage=recipe.card.homepage,
        citation=recipe.card.citation,
        notes=recipe.card.notes,
        terms=recipe.card.terms,
        how_to=recipe.card.how_to,
        options=option_parts(recipe.options),
        pipelines=tuple(
            name for name, pipeline in bundled().items() if pipeline.dataset.recipe == recipe.name
        ),
    )


def _part(recipe: Recipe) -> DatasetPart:
    card = recipe.card
    return DatasetPart(
        name=recipe.name,
        title=card.title,
        language=card.language,
        task=card.task,
        licence=card.licence,
        access=card.access,
        clips=card.clips,
        signers=card.signers,
        download_bytes=card.download_bytes,
        layout_evidence=card.layout_evidence,
    )


def _known(column: str, value: str | None) -> None:
    hints: dict[str, Any] = get_type_hints(DatasetCard)
    choices = get_args(hints[column])
    if value is not None and value not in choices:
        raise UsageError(
            f"no data set has the {column} `{value}`",
            hint=near_miss(value, choices) or f"choose one of {', '.join(choices)}",
        )
