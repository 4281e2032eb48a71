"""The pictures of the index that answers, to be found by what is judged: read once a generation."""

from threading import Lock

from search_app.errors import NoIndexYet
from search_app.judgements.pictures import IndexedPictures
from search_app.search.service import SearchService


class PictureLookup:
    """Keeps `IndexedPictures` for the newest generation; safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._made_of: tuple[str, int] | None = None
        self._pictures = IndexedPictures({}, {})

    def now(self, service: SearchService) -> IndexedPictures:
        """The pictures of the generation that answers; none while there is no index."""
        try:
            manifest = service.reader.manifest()
        except NoIndexYet:
            return IndexedPictures({}, {})
        with self._lock:
            if self._made_of != (manifest.collection, manifest.generation):
                self._pictures = IndexedPictures.of(service.reader.scan())
                self._made_of = (manifest.collection, manifest.generation)
            return self._pictures
