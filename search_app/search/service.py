"""Use case 2, ask an index: one encoder and one index reader answer queries together.

An answer comes whole from one generation of the index, made by the model that encoded the query: both are
checked at every question, because precompute may replace the index while it is being asked.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from search_app.datatypes import FloatMatrix, FloatVector, Known, Manifest, Neighbours, VectorQuery
from search_app.encoders.base import Encoder
from search_app.errors import EncoderError, IndexUnavailable, ModelMismatch, NotFound, VectorIndexError
from search_app.index.base import IndexReader
from search_app.search.query import DEFAULT_LIMIT, SearchQuery, check_limit, normalised
from search_app.search.results import Hit, SearchResult, ServiceInfo, Stopwatch

T = TypeVar("T")

_REMEMBERED_QUERIES = 1_024
_BATCH = 64
_ATTEMPTS = 5
_NORM_TOLERANCE = 1e-3
_PROBES = ("a red car on a road", "a glass of cold beer")


class SearchService:
    """Answers queries; safe to call from several threads. Owns encoder and reader: `close` closes both.

    `max_limit` is the most hits one query may ask for; `max_pixels` the largest picture that is decoded for a
    thumbnail; `backend` a name for `info`.
    """

    def __init__(
        self,
        encoder: Encoder,
        reader: IndexReader,
        *,
        backend: str = "",
        max_limit: int = 1_000,
        max_pixels: int = 178_956_970,
    ) -> None:
        self.encoder = encoder
        self.reader = reader
        self._backend = backend or type(reader).__name__
        self._max_limit = max_limit
        self.max_pixels = max_pixels
        self._vector = lru_cache(_REMEMBERED_QUERIES)(self._encode_one)

    def search(self, query: SearchQuery) -> SearchResult:
        """The best pictures with their payload.

        Raises `BadRequest`, `IndexUnavailable`, `ModelMismatch` or `EncoderError`.
        """
        query = query.validated(self._max_limit)
        watch = Stopwatch()
        asked = self._vector_query(query)
        watch.lap("encode")
        hits, manifest = self._in_one_generation(lambda: self._hits(asked, watch))
        return self._result(hits, manifest, watch)

    def search_ids(self, query: SearchQuery) -> Neighbours:
        """The best ids and scores only; raises what `search` raises."""
        asked = self._vector_query(query.validated(self._max_limit))
        found, _ = self._in_one_generation(lambda: self.reader.search([asked])[0])
        return found

    def search_batch(self, texts: Sequence[str], limit: int) -> list[Neighbours]:
        """Ids and scores for many texts, in their order; for evaluation, where `limit` may be any depth."""
        found: list[Neighbours] = []
        for start in range(0, len(texts), _BATCH):
            vectors = self._encode([normalised(text) for text in texts[start : start + _BATCH]])
            asked = [VectorQuery(vector, limit) for vector in vectors]
            answers, _ = self._in_one_generation(partial(self.reader.search, asked))
            found.extend(answers)
        return found

    def similar(self, image_id: int, limit: int = DEFAULT_LIMIT) -> SearchResult:
        """The pictures nearest to one in the index, without that one; raises `NotFound` for an unknown id."""
        check_limit(limit, self._max_limit)
        watch = Stopwatch()

        def ask() -> tuple[Hit, ...]:
            vector = self.reader.vectors([image_id]).get(image_id)
            if vector is None:
                raise _unknown(image_id)
            watch.lap("encode")
            hits = self._hits(VectorQuery(vector, limit + 1), watch)
            return tuple(hit for hit in hits if hit.id != image_id)[:limit]

        hits, manifest = self._in_one_generation(ask)
        return self._result(hits, manifest, watch)

    def paths(self) -> dict[int, str]:
        """Id to path of every picture; raises `ModelMismatch` where another model made the index."""
        self._manifest()
        return {known.id: known.picture.path for known in self.reader.scan()}

    def picture(self, image_id: int) -> Known:
        """What the index keeps about one picture; raises `NotFound`."""
        known = self.reader.fetch([image_id]).get(image_id)
        if known is None:
            raise _unknown(image_id)
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

    def ready(self) -> Manifest:
        """Answer real queries now, or raise why that is not possible; returns the manifest that answered."""
        first, second = self._encode(_PROBES)
        if np.allclose(first, second):
            name = self.encoder.spec.name
            raise EncoderError(f"model {name} gives different texts the same vector: its weights are damaged")
        asked = [VectorQuery(vector, 1) for vector in (first, second)]
        found, manifest = self._in_one_generation(partial(self.reader.search, asked))
        if manifest.count and not all(len(neighbours.ids) for neighbours in found):
            raise IndexUnavailable(f"collection {manifest.collection!r} holds {manifest.count} pictures but finds none")
        return manifest

    def info(self) -> ServiceInfo:
        """What is running; answers without an index too."""
        try:
            index = self.reader.manifest()
        except VectorIndexError:
            index = None
        return ServiceInfo(self.encoder.spec, self._backend, index)

    def close(self) -> None:
        """Give back index and model."""
        self.reader.close()
        self.encoder.close()

    def _vector_query(self, query: SearchQuery) -> VectorQuery:
        return VectorQuery(self._vector(query.text), query.limit, query.offset, query.min_score)

    def _encode_one(self, text: str) -> FloatVector:
        vector: FloatVector = self._encode([text])[0]
        vector.flags.writeable = False  # shared by every later caller with the same text
        return vector

    def _encode(self, texts: Sequence[str]) -> FloatMatrix:
        vectors = self.encoder.encode_texts(texts)
        spec = self.encoder.spec
        if vectors.shape != (len(texts), spec.dim):
            raise EncoderError(f"model {spec.name} gave vectors of shape {vectors.shape}, not {(len(texts), spec.dim)}")
        # A comparison with NaN is false, so this refuses vectors that are not finite too.
        if not (np.abs(np.linalg.norm(vectors, axis=1) - 1) < _NORM_TOLERANCE).all():
            raise EncoderError(f"model {spec.name} gave vectors that are not of unit length: its weights are damaged")
        return vectors

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
        before = self._manifest()
        for _ in range(_ATTEMPTS):
            answer = ask()
            after = self._manifest()
            if after.generation == before.generation:
                return answer, after
            before = after
        raise IndexUnavailable("the index is replaced faster than it can be asked: try again")

    def _hits(self, asked: VectorQuery, watch: Stopwatch) -> tuple[Hit, ...]:
        [found] = self.reader.search([asked])
        watch.lap("search")
        known = self.reader.fetch(found.ids.tolist())
        watch.lap("fetch")
        return tuple(_hit(known[number], score) for number, score in scored(found) if number in known)

    def _result(self, hits: tuple[Hit, ...], manifest: Manifest, watch: Stopwatch) -> SearchResult:
        return SearchResult(hits, manifest.model, manifest.collection, manifest.generation, watch.timings())


def scored(found: Neighbours) -> list[tuple[int, float]]:
    """Ids and scores as plain numbers; a score has the shortest decimals that are this single-precision number."""
    return [(int(number), float(str(score))) for number, score in zip(found.ids, found.scores, strict=True)]


def _hit(known: Known, score: float) -> Hit:
    return Hit(known.id, score, known.picture.path, known.picture.width, known.picture.height)


def _unknown(image_id: int) -> NotFound:
    return NotFound(f"no image has id {image_id}")
