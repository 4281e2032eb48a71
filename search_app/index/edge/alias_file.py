"""The aliases of an embedded index: one small file beside the collections.

    INDEX_DIR/
      _aliases.json   replaced by an atomic rename after its content is on the disk
      _aliases.lock   held by the one process that changes it or removes a collection

No collection's name begins with `_`. The file carries a digest of itself: an alias that points elsewhere by one changed
letter would answer from other pictures, and nobody would be told.
"""

import json
from pathlib import Path

from search_app.errors import IndexDamaged
from search_app.index.aliases import Aliases
from search_app.index.files import DIGEST, Signature, digest_of, signature_of, write_object

_VERSION = 1


class AliasFile:
    """`_aliases.json` in a folder, read again when it was replaced; safe to use from several threads."""

    def __init__(self, index_dir: Path) -> None:
        self._path = index_dir.absolute() / "_aliases.json"
        self._known: tuple[Signature | None, Aliases] = (None, Aliases())

    def read(self) -> Aliases:
        """What it holds, nothing where there is none; costs a `stat` while it is the same. Raises `IndexDamaged`."""
        signature = signature_of(self._path)
        known, aliases = self._known
        if signature != known:
            aliases = self._load() if signature else Aliases()
            self._known = signature, aliases
        return aliases

    def write(self, aliases: Aliases) -> None:
        """Replace it, durably."""
        content = {"schema_version": _VERSION, "aliases": {name: list(names) for name, names in aliases.stands.items()}}
        write_object(self._path, content)

    def _load(self) -> Aliases:
        try:
            content = json.loads(self._path.read_bytes())
            if content["schema_version"] != _VERSION:
                raise self._damaged(f"it has schema version {content['schema_version']}, this program reads {_VERSION}")
            if content[DIGEST] != digest_of(content):
                raise self._damaged("it is not what was written")
            return Aliases({alias: tuple(names) for alias, names in content["aliases"].items()})
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise self._damaged(f"{type(error).__name__}: {error}") from None

    def _damaged(self, why: str) -> IndexDamaged:
        return IndexDamaged(
            f"{self._path} cannot be read ({why}): restore it from a backup, or remove it, which makes every name "
            f"stand for the collection of that name, and set the aliases again with "
            f"`python -m search_app alias switch NEW`"
        )
