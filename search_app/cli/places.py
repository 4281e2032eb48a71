"""Where a collection lies, as it is typed: `edge:FOLDER#COLLECTION` or `https://SERVER:6333#COLLECTION`."""

from pathlib import Path

from search_app.errors import SettingsError
from search_app.settings import Settings, load_settings

EDGE = "edge:"
FORM = "edge:FOLDER[#COLLECTION] or URL[#COLLECTION]"


def settings_at(place: str, key_file: Path | None = None) -> Settings:
    """The settings of a place; without a collection in it, SEARCH_COLLECTION.

    A server gets the key in `key_file`. Without one it gets QDRANT_API_KEY, if it is the server at QDRANT_URL or no
    QDRANT_URL is set: the key of one server is not told to another. Raises `SettingsError`.
    """
    address, _, collection = place.partition("#")
    usual = load_settings(collection=collection or None)
    if address.startswith(EDGE) and len(address) > len(EDGE):
        if key_file is not None:
            raise SettingsError(f"{place} is a folder of this machine: it takes no key")
        return load_settings(index_dir=Path(address.removeprefix(EDGE)), qdrant_url="", collection=usual.collection)
    if not address.startswith(("http://", "https://")):
        raise SettingsError(f"{place!r} is no place of a collection: {FORM} is needed")
    is_usual = usual.qdrant_url.rstrip("/") in {"", address.rstrip("/")}
    key = _read_key(key_file) if key_file is not None else usual.qdrant_api_key if is_usual else ""
    return load_settings(qdrant_url=address, qdrant_api_key=key, collection=usual.collection)


def _read_key(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the key in {file} cannot be read: {error}") from None


def spelled(settings: Settings) -> str:
    """A place for people; keys are in no part of it."""
    where = settings.qdrant_url or f"{EDGE}{settings.index_dir}"
    return f"{where}#{settings.collection}"
