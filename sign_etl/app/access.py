"""May this data set be had, and how: forms, licences, archives.

Nothing is bypassed here. What only a person can do ends with exit code 3 and says what it is.
"""

from __future__ import annotations

import json
import logging
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sign_etl.app.stopping import stop_on_signals
from sign_etl.core.errors import AccessError, ConfigError, Stopped, near_miss
from sign_etl.core.files import write_json
from sign_etl.core.places import cache_folder
from sign_etl.recipes.base import Recipe, RecipeOptions
from sign_etl.schema.archive import Archive
from sign_etl.schema.pipeline import FetchConfig

LICENCE_NOTE = "licence.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """How the media of a data set are had.

    Attributes:
        options: of the recipe, with the folder of its unpacked archives, where it has such.
        outstanding: archives that are still to be downloaded.
        licence_accepted: True where the user accepted the terms; False where there are terms that
            nobody accepted here, because nothing is downloaded; None where there are none.
    """

    options: RecipeOptions
    outstanding: tuple[Archive, ...]
    licence_accepted: bool | None


def look(recipe: Recipe, options: RecipeOptions, accept: tuple[str, ...]) -> Access:
    """What is there already; nothing is downloaded, nothing refused.

    Args:
        recipe: the data set.
        options: its options.
        accept: names of data sets whose licence the user accepts.

    Raises:
        ConfigError: `accept` names another data set.
    """
    for name in accept:
        if name != recipe.name:
            raise ConfigError(
                f"--accept-licence {name} is not about this data set",
                hint=near_miss(name, [recipe.name]) or f"it is called `{recipe.name}`",
            )
    accepted = bool(accept) if recipe.card.terms else None
    if options.media is not None:
        return Access(options, (), accepted)
    from sign_etl.media.archives import media_folder, outstanding

    archives = recipe.archives(options)
    if not archives:
        return Access(options, (), accepted)
    folder = media_folder(cache_folder(), recipe.name, archives)
    missing = outstanding(folder, archives)
    if missing:
        return Access(options, missing, accepted)
    if recipe.card.terms:
        accepted = accepted or _accepted_before(folder, recipe)
    return Access(options.model_copy(update={"media": folder}), (), accepted)


def bring(
    recipe: Recipe,
    access: Access,
    config: FetchConfig,
    *,
    tell: Callable[[str], None] | None = None,
) -> Access:
    """Download what is outstanding, if it may be.

    Args:
        recipe: the data set.
        access: of `look`.
        config: how to download.
        tell: hears what is going on.

    Raises:
        AccessError: a form, a login or an acceptance of the licence is needed first; or an archive
            cannot be had or is not safe.
        Stopped: a signal ended it; the same call goes on.
    """
    card, options = recipe.card, access.options
    archives = recipe.archives(options) if options.media is None else ()
    if options.media is None and card.access in ("form", "login") and not archives:
        _refuse_gated(recipe)
    _check_cookies(config)
    if options.media is not None or card.access in ("none", "local"):
        return access
    if card.terms and not access.licence_accepted:
        raise AccessError(
            f"`{recipe.name}` comes under {card.licence}: {card.terms.rstrip('.')}",
            hint=f"read {card.homepage}; if you agree, add --accept-licence {recipe.name}",
        )
    if not access.outstanding:
        return access
    from sign_etl.media import archives as media_archives
    from sign_etl.media.fetch import Fetcher

    folder = media_archives.media_folder(cache_folder(), recipe.name, archives)
    if access.licence_accepted:
        _note_acceptance(folder, recipe)
    fetcher = Fetcher(config)
    with stop_on_signals() as stop:
        try:
            media_archives.bring(
                archives, folder, fetcher=fetcher, keep=config.keep_archives, stop=stop, tell=tell
            )
        except Stopped:
            raise stop.error("run the same command again: the download goes on") from None
        except AccessError as error:
            if card.how_to:  # what the data set itself asks for explains the refusal best
                raise AccessError(
                    error.message, hint=f"{error.hint}. {card.how_to} ({card.homepage})"
                ) from error
            raise
        finally:
            fetcher.close()
    return Access(options.model_copy(update={"media": folder}), (), access.licence_accepted)


def _refuse_gated(recipe: Recipe) -> None:
    card = recipe.card
    what = "a form to its authors" if card.access == "form" else "a login"
    how_to = f"{card.how_to.rstrip('.')}, " if card.how_to else f"see {card.homepage}, "
    raise AccessError(
        f"`{recipe.name}` ({card.title}) is given out after {what} only: {card.homepage}",
        hint=f"{how_to}then run the same command with --media DIR",
    )


def _accepted_before(folder: Path, recipe: Recipe) -> bool:
    """True if these archives were downloaded after the same terms had been accepted."""
    try:
        note = json.loads(_licence_note(folder).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(note, dict) and note.get("terms") == recipe.card.terms


def _note_acceptance(folder: Path, recipe: Recipe) -> None:
    card = recipe.card
    at = datetime.now(UTC).isoformat(timespec="seconds")
    note = {"dataset": recipe.name, "licence": card.licence, "terms": card.terms, "accepted_at": at}
    write_json(_licence_note(folder), note)


def _licence_note(folder: Path) -> Path:
    from sign_etl.media.archives import NOTES

    return folder / NOTES / LICENCE_NOTE


def _check_cookies(config: FetchConfig) -> None:
    """Early and once, instead of once for each video."""
    if config.cookies_file is None:
        return
    from sign_etl.media.cookies import read_cookies

    path = Path(config.cookies_file).expanduser()
    try:
        read_cookies(path)
        mode = path.stat().st_mode
    except (OSError, ValueError):
        raise AccessError(
            "the file of `fetch.cookies_file` cannot be read, or holds no cookies",
            hint="export them in Netscape format (cookies.txt), or take the setting away",
        ) from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        log.warning("others may read your cookies: chmod 600 the file of `fetch.cookies_file`")
