"""Use case 2, ask an index: the models and one index reader answer queries together.

An answer comes whole from one generation of the index, made by the model that encoded the query: both are
checked at every question, because precompute may replace the index while it is being asked.
"""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from search_app.datatypes import Known, Manifest, Neighbours, VectorQuery
from search_app.encoders.base import Encoder, SentenceEncoder
from search_app.encoders.soundness import probe_texts
from search_app.errors import IndexDamaged, IndexUnavailable, ModelMismatch, NotFound, VectorIndexError
from search_app.images.decode import decode_bytes, read_image_file
from search_app.index.base import IndexReader
from search_app.index.deadline import allowance
from search_app.index.fields import COUNTED
from search_app.search.answering import Answering
from search_app.search.background import Background, read_background
from search_app.search.encoding import QueryEncoder
from search_app.search.explain import Explanation
from search_app.search.heat_map import PictureParts, look_at_parts
from search_app.search.query import DEFAULT_LIMIT, SearchQuery, Term, WordsMode, check_limit, normalised
from search_app.search.readiness import Probe, Readiness
from search_app.search.results import SearchResult, ServiceInfo, Stopwatch, shortest
from search_app.search.seen import Seen, tell
from search_app.search.showing import SourcePictures
from search_app.sources.locations import is_folder

T = TypeVar("T")

_BATCH = 64
_ATTEMPTS = 5
_WAITING_SECONDS = 12.0
"""Of one answer, for an index on a server; it asks the server several times."""
_PARTS_KEPT = 128


class SearchService:
    """Answers queries; safe to call from several threads. Owns models and reader: `close` closes them.

    `open_sentences` opens the model that compares printed words, when it is first needed; without it print is not
    searched. `max_limit` is the most hits one query may ask for; `max_pixels` the largest picture that is decoded;
    `backend` a name for `info`.
    """

    def __init__(
        self,
        encoder: Encoder,
        reader: IndexReader,
        *,
        open_sentences: Callable[[], SentenceEncoder] | None = None,
        backend: str = "",
        max_limit: int = 1_000,
        max_pixels: int = 178_956_970,
    ) -> None:
        self.encoder = encoder
        self.reader = reader
        self.max_pixels = max_pixels
        self.queries = QueryEncoder(encoder, open_sentences, max_pixels)
        self._backend = backend or type(reader).__name__
        self._max_limit = max_limit
        self._pictures = SourcePictures()
        self._background: Background | None = None
        self._seen: dict[str, PictureParts] = {}
        self._seeing = threading.Lock()
        self._probe = Probe(reader, encoder.spec.name)
        self._readiness = Readiness(self._probed, self.index_at_hand)

    def search(self, query: SearchQuery) -> SearchResult:
        """The best pictures and all that is told about them.

        Raises `BadRequest`, `NotFound`, `IndexUnavailable`, `ModelMismatch` or `EncoderError`.
        """
        query = query.validated(self._max_limit)
        return self._ask(lambda answering: answering.result(query))

    def search_ids(self, query: SearchQuery) -> Neighbours:
        """The best ids and their scores only; raises what `search` raises."""
        query = query.validated(self._max_limit)
        return self._ask(lambda answering: answering.ids(query))

    def search_batch(self, texts: Sequence[str], limit: int, words: WordsMode = "off") -> list[Neighbours]:
        """Ids and scores for many texts, in their order; for evaluation, where `limit` may be any depth.

        With `words=off` scores are cosines, else logarithms of the relevance.
        """
        if words != "off":
            queries = [SearchQuery(normalised(text), limit=limit, words=words) for text in texts]
            return self._ask(lambda answering: [answering.relevance(query) for query in queries])
        found: list[Neighbours] = []
        for start in range(0, len(texts), _BATCH):
            vectors = self.queries.texts([normalised(text) for text in texts[start : start + _BATCH]])
            asked = [VectorQuery(vector, limit) for vector in vectors]
            answers, _ = self._in_one_generation(partial(self.reader.search, asked))
            found.extend(answers)
        return found

    def similar(self, image_id: int, limit: int = DEFAULT_LIMIT) -> SearchResult:
        """The pictures nearest to one in the index, without that one; raises `NotFound` for an unknown id."""
        check_limit(limit, self._max_limit)
        return self.search(SearchQuery(terms=(Term(id=image_id),), limit=limit, words="off"))

    def explain(self, query: SearchQuery, image_id: int) -> Explanation:
        """Why a picture of the index is an answer to a query; raises `NotFound` and what `search` raises."""
        query = query.validated(self._max_limit)
        known = self.picture(image_id)
        return self._ask(lambda answering: answering.explanation(query, image_id, lambda: self._parts(known)))

    def paths(self) -> dict[int, str]:
        """Id to path of every picture; raises `ModelMismatch` where another model made the index."""
        self._manifest()
        return {known.id: known.picture.path for known in self.reader.scan()}

    def picture(self, image_id: int) -> Known:
        """What the index keeps about one picture; raises `NotFound`."""
        known = self.reader.fetch([image_id]).get(image_id)
        if known is None:
            raise NotFound(f"no image has id {image_id}")
        return known

    def file_of(self, known: Known) -> Path:
        """The file of a picture, links resolved; raises `NotFound` where it left the indexed folder or vanished."""
        name = f"image {known.id} ({known.picture.path})"
        try:
            folder = Path(self.reader.manifest().folder).resolve(strict=True)
            file = (folder / known.picture.path).resolve(strict=True)
        except (OSError, RuntimeError, ValueError):  # RuntimeError is a loop of links, ValueError a NUL in the name
            raise NotFound(f"{name} is no longer in the indexed folder") from None
        if not (file.is_relative_to(folder) and file.is_file()):
            raise NotFound(f"{name} is not a file inside the indexed folder")
        return file

    def shows_files(self) -> bool:
        """Whether the pictures lie in a folder of this machine, so that `file_of` finds them."""
        return is_folder(self.reader.manifest().folder)

    def content_of(self, known: Known) -> bytes:
        """The content of a picture's file, wherever it lies; raises `NotFound`, `Unreadable` or `SourceUnavailable`."""
        location = self.reader.manifest().folder
        return read_image_file(self.file_of(known)) if is_folder(location) else self._pictures.content(known, location)

    def ready(self) -> Manifest:
        """Answer real queries now, or raise why that is not possible; returns the manifest that answered.

        What was answered within the last second by the same generation of the index counts as now.
        """
        return self._readiness.check()

    def index_at_hand(self) -> Manifest | None:
        """The state of the index that answers now, without waiting; see `IndexReader.manifest_at_hand`."""
        return self.reader.manifest_at_hand()

    def info(self) -> ServiceInfo:
        """What is running; answers without an index too."""
        try:
            index = self.reader.manifest()
            fields = (*COUNTED, *self._background_of(index).fields)
        except VectorIndexError:
            index, fields = None, ()
        return ServiceInfo(self.encoder.spec, self._backend, index, fields)

    def close(self) -> None:
        """Give back index and models."""
        self._readiness.close()
        self.reader.close()
        self.queries.close()

    def _probed(self) -> Manifest:
        vectors = probe_texts(self.encoder)
        self._probe.require_steady(vectors)
        wrong, manifest = self._in_one_generation(lambda: self._probe.look(vectors, self._manifest()))
        if wrong:
            raise IndexDamaged(wrong)
        return manifest

    def _parts(self, known: Known) -> PictureParts:
        """The windows over a picture, kept for the next query: they cost far more than all the rest."""
        key = known.picture.content_hash
        with self._seeing:
            parts = self._seen.pop(key, None)
        if parts is None:
            spec = self.encoder.spec
            data = self.content_of(known)
            image = decode_bytes(data, min_size=spec.image_size, max_pixels=self.max_pixels).image
            parts = look_at_parts(image, self.encoder)
        with self._seeing:
            self._seen[key] = parts  # the last one used is the last to go
            while len(self._seen) > _PARTS_KEPT:
                del self._seen[next(iter(self._seen))]
        return parts

    def _ask(self, ask: Callable[[Answering], T]) -> T:
        watch = Stopwatch()

        def ask_once() -> tuple[T, Seen | None]:
            answering = Answering(self.queries, self.reader, self._manifest(), self._background_of, watch)
            return ask(answering), answering.seen

        (answer, seen), _ = self._in_one_generation(ask_once)
        if seen is not None:
            tell(seen)
        return answer

    def _background_of(self, manifest: Manifest) -> Background:
        """The sample of a generation, drawn once. Two threads may draw it at the same time: they draw the same."""
        background = self._background
        if background is None or background.generation != manifest.generation:
            background = read_background(self.reader, manifest)
            if self.reader.manifest().generation == manifest.generation:  # else the answer is asked for again
                self._background = background
        return background

    def _manifest(self) -> Manifest:
        """The manifest that answers now; raises `ModelMismatch` where another model made it."""
        manifest, spec = self.reader.manifest(), self.encoder.spec
        if manifest.fingerprint != spec.fingerprint:
            maker = manifest.model if manifest.model != spec.name else "another version of it"
            raise ModelMismatch(
                f"this service runs model {spec.name}, but collection {manifest.collection!r} was made by {maker}: "
                f"start the service with that model, or index again with "
                f"`python -m search_app index FOLDER --model {spec.name} --rebuild`"
            )
        return manifest

    def _in_one_generation(self, ask: Callable[[], T]) -> tuple[T, Manifest]:
        """Ask again where the index was replaced between the steps of `ask`."""
        with allowance(_WAITING_SECONDS):
            before = self._manifest()
            for _ in range(_ATTEMPTS):
                answer = ask()
                after = self._manifest()
                if after.generation == before.generation:
                    return answer, after
                before = after
        raise IndexUnavailable("the index is replaced faster than it can be asked: try again")


def scored(found: Neighbours) -> list[tuple[int, float]]:
    """Ids and scores as plain numbers; see `shortest`."""
    return [(int(number), shortest(score)) for number, score in zip(found.ids, found.scores, strict=True)]
