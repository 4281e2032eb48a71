"""From a checked query to the questions that the index is asked."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from search_app.datatypes import Channel, FloatVector, Manifest, SparseVector
from search_app.errors import BadRequest, ModelMismatch, NotFound
from search_app.index.base import IndexReader
from search_app.search.encoding import QueryEncoder
from search_app.search.negation import Understood, understand
from search_app.search.pool import Question
from search_app.search.query import SearchQuery, Term, WordsMode
from search_app.search.relevance import Kind
from search_app.words.bm25 import sparse_query
from search_app.words.tokens import telling_terms

SPOKEN = -0.5
"""Weight of what plain words ask to leave out. At -1 as few of the unwanted pictures come first, and fewer of the
wanted ones (`python -m benchmarks.query_side`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A query as vectors."""

    understood: Understood
    terms: tuple[Term, ...]
    """All of them; the text comes first, then what it asks to leave out."""
    questions: tuple[Question, ...]
    kind: Kind
    printed: str
    """What the printed words are compared with; empty where they are not."""
    itself: frozenset[int]
    """Pictures of the index that were asked about: they are no answer."""

    @property
    def is_plain(self) -> bool:
        """One question to the pictures: the engine's own order is the answer."""
        return len(self.questions) == 1 and self.questions[0].channel == "image"


class Asking:
    """Turns queries into questions, for one generation of one collection."""

    def __init__(self, encoder: QueryEncoder, reader: IndexReader, manifest: Manifest) -> None:
        self._encoder, self._reader, self._manifest = encoder, reader, manifest

    def ask(self, query: SearchQuery) -> Asked:
        """The questions of a validated query; raises `NotFound`, `BadRequest`, `EncoderError` or `ModelMismatch`."""
        read = understand(query.text) if query.understand else Understood(query.text)
        terms = (*([Term(read.text)] if read.text else []), *(Term(text, weight=SPOKEN) for text in read.without))
        mode = self._mode(query.words)
        questions = [
            question
            for number, term in enumerate((*terms, *query.terms))
            for question in self._questions(number, term, mode, spoken=len(terms) > number > 0)
        ]
        if not any(question.seeks for question in questions):
            raise BadRequest(
                "words=only finds pictures by their printed words: it needs words to look for, and a collection that "
                "was indexed with its words",
                "words",
            )
        terms += query.terms
        positive = [term for term in terms if term.weight > 0]
        printed = " ".join([read.text, *(term.text for term in query.terms if term.weight > 0)]).strip()
        return Asked(
            understood=read,
            terms=terms,
            questions=tuple(questions),
            kind=mode if any(term.kind == "text" for term in positive) else "picture",
            printed=printed if mode != "off" else "",
            itself=frozenset(term.id for term in terms if term.id is not None),
        )

    def _mode(self, asked: WordsMode) -> WordsMode:
        """Where a collection holds no words, or this service no model for them, `fused` is the pictures alone."""
        fingerprint = self._manifest.words_fingerprint
        if asked == "off" or not fingerprint or not self._encoder.reads_words:
            return "only" if asked == "only" else "off"
        if not self._encoder.matches_words(fingerprint):
            raise ModelMismatch(
                f"the words of collection {self._manifest.collection!r} were stored by another version: run "
                "`python -m search_app index FOLDER` again, or ask with words=off"
            )
        return asked

    def _questions(self, number: int, term: Term, mode: WordsMode, *, spoken: bool) -> list[Question]:
        """`spoken`: a term that plain words ask to leave out is compared with the pictures only."""
        seeks = term.weight > 0
        image = Question(number, "image", self._image_vector(term), seeks and mode != "only", speaks=mode != "only")
        if mode == "off" or not self._manifest.words_fingerprint or (spoken and mode == "fused"):
            return [image]
        return [image, *(Question(number, channel, vector, seeks) for channel, vector in self._print_vectors(term))]

    def _print_vectors(self, term: Term) -> Iterator[tuple[Channel, FloatVector | SparseVector]]:
        """What a term is to the printed words, by channel."""
        if term.id is not None:
            meaning = self._reader.vectors([term.id], "meaning").get(term.id)
            if meaning is not None:
                yield "meaning", meaning
        elif term.kind == "text" and self._encoder.reads_words:
            yield "meaning", self._encoder.sentence(term.text)
            form = sparse_query(" ".join(telling_terms(term.text)))
            if form.indices.size:
                yield "form", form

    def _image_vector(self, term: Term) -> FloatVector:
        if term.image is not None:
            return self._encoder.picture(term.image)
        if term.id is None:
            return self._encoder.text(term.text)
        vector = self._reader.vectors([term.id]).get(term.id)
        if vector is None:
            raise NotFound(f"no image has id {term.id}")
        return vector


CANCELLED = 0.05
"""Of the weights: terms whose sum is shorter cancel each other, and what is left is rounding."""


def mixture(asked: Asked) -> tuple[list[tuple[int, float]], FloatVector | None]:
    """The image questions, by number, with the weights of their terms over the length of their weighted sum.

    Beside it that sum as a unit vector; None, and no questions, where the terms cancel each other or there are none.
    """
    parts = [(number, asked.terms[q.term].weight) for number, q in enumerate(asked.questions) if q.channel == "image"]
    vectors = [weight * np.asarray(asked.questions[number].vector, np.float64) for number, weight in parts]
    total = np.sum(vectors, axis=0) if vectors else np.zeros(1)
    length = float(np.linalg.norm(total))
    if length <= CANCELLED * sum(abs(weight) for _, weight in parts):
        return [], None
    return [(number, weight / length) for number, weight in parts], (total / length).astype(np.float32)
