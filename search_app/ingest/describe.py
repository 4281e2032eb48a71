"""Pictures of an index that an older version made are looked at once more: for their hashes, colours and date.

Nothing is embedded again, and of a JPEG an eighth of the pixels will do.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from search_app.datatypes import ImageRef, Known
from search_app.errors import ImageError
from search_app.images.colour_names import dominant_colours
from search_app.images.decode import decode_bytes
from search_app.images.fingerprints import content_hash, picture_hashes
from search_app.ingest.ahead import prepare_ahead
from search_app.ingest.plan import Plan
from search_app.sources.base import Source

_MIN_SIZE = (64, 64)
"""(height, width): more than the hashes and the colours look at."""
_AHEAD = 32


@dataclass(frozen=True, slots=True)
class Description:
    """How files are looked at."""

    source: Source
    max_pixels: int

    def ahead(self, items: Sequence[Known], workers: int) -> Iterator[Known | None]:
        """The same pictures, described, in their order; None where a file cannot be used any more."""
        return prepare_ahead(self.run, items, workers=workers, ahead=_AHEAD + workers)

    def run(self, item: Known) -> Known | None:
        """Look at one file; a later run tries again where it cannot be read or is another one by now."""
        try:
            data = self.source.read(item.picture.ref)
            if content_hash(data) != item.picture.content_hash:
                return None
            decoded = decode_bytes(data, min_size=_MIN_SIZE, max_pixels=self.max_pixels)
        except ImageError:
            return None
        picture = replace(
            item.picture,
            phash=picture_hashes(decoded.image),
            colours=dominant_colours(decoded.image),
            taken=decoded.taken,
        )
        return replace(item, picture=picture)


def undescribed(known: Sequence[Known], plan: Plan, found: Sequence[ImageRef]) -> list[Known]:
    """Pictures that stay as they are, under the paths they have now, and that nobody has looked at so far."""
    now = {item.id: item for item in [*known, *plan.relabel]}
    elsewhere = {*plan.remove, *(item.id for item in plan.embed)}
    paths = {ref.path for ref in found}
    return [
        item
        for number, item in now.items()
        if not item.picture.phash and number not in elsewhere and item.picture.path in paths
    ]
