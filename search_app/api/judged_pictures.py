"""The pictures of the index that answers, to be found by what is judged: read once for each state of a collection."""

from threading import Lock
from weakref import WeakKeyDictionary

from search_app.datatypes import Manifest
from search_app.errors import NoIndexYet
from search_app.judgements.pictures import IndexedPictures
from search_app.search.service import SearchService


class PictureLookup:
    """Keeps `IndexedPictures` for the newest generation of each open collection; safe to call from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._of: WeakKeyDictionary[SearchService, tuple[Manifest, IndexedPictures]] = WeakKeyDictionary()

    def now(self, service: SearchService) -> IndexedPictures:
        """The pictures of the generation that answers; none while there is no index."""
        try:
            manifest = service.reader.manifest()
        except NoIndexYet:
            return IndexedPictures({}, {})
        with self._lock:
            made_of, pictures = self._of.get(service, (None, None))
            if pictures is None or made_of != manifest:
                pictures = IndexedPictures.of(service.reader.scan())
                self._of[service] = manifest, pictures
            return pictures
