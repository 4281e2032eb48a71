"""Profiles by name or from a file, with what is wrong in them named."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from search_app.errors import SettingsError
from search_app.index.profile import Profile

_BUILT_IN = Path(__file__).parent / "profiles"
VARIABLE = "SEARCH_PROFILE"
_DEEPEST = 2
"""A setting is named by its table and its name; what follows in an error is how it may be written."""


def built_in() -> dict[str, Path]:
    """The profiles that come with the program, by name."""
    return {file.stem: file for file in sorted(_BUILT_IN.glob("*.toml"))}


def read_profile(chosen: str) -> Profile:
    """The profile that `SEARCH_PROFILE` names: a built-in one, or a TOML file (it has a `/` or ends in `.toml`).

    Raises `SettingsError` naming the value, and within a file the setting.
    """
    is_file = "/" in chosen or chosen.endswith(".toml")
    known = built_in()
    if not is_file and chosen not in known:
        names = ", ".join(known)
        raise SettingsError(f"{VARIABLE}={chosen!r}: it takes {names}, or a TOML file (./NAME.toml)")
    return parse_profile(_text(chosen, Path(chosen) if is_file else known[chosen]), f"{VARIABLE}={chosen!r}")


def _text(chosen: str, file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{VARIABLE}={chosen!r} cannot be read: {reason}") from None


def parse_profile(text: str, origin: str) -> Profile:
    """Read a profile; raises `SettingsError` with `origin` and the setting that is wrong."""
    try:
        return Profile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{origin} is no TOML: {error}") from None
    except ValidationError as error:
        raise SettingsError(f"{origin}, {_first_wrong(error)}") from None


def _first_wrong(error: ValidationError) -> str:
    """The first setting that is wrong, with all that was expected of it."""
    wrong = error.errors()
    place, given = wrong[0]["loc"][:_DEEPEST], wrong[0]["input"]
    expected = " or ".join(
        "there is no such setting" if one["type"] == "extra_forbidden" else one["msg"].removeprefix("Value error, ")
        for one in wrong
        if one["loc"][:_DEEPEST] == place
    )
    value = "" if isinstance(given, dict) else f" = {given!r}"
    return f"{'.'.join(map(str, place)) or 'as a whole'}{value}: {expected}"


def for_embedded(profile: Profile, chosen: str) -> Profile:
    """The same; raises `SettingsError` where it chooses what only a Qdrant server can do."""
    if unusable := profile.for_a_server_only():
        raise SettingsError(
            f"{VARIABLE}={chosen!r} sets {', '.join(unusable)}, which only a Qdrant server or cluster knows: set "
            f"QDRANT_URL, or take a profile without them for the embedded index"
        )
    return profile
