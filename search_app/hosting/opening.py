"""A house over a catalogue: what is opened for a collection, what is shared, and what is given back at the end."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from search_app.encoders.base import Encoder, SentenceEncoder
from search_app.errors import SearchAppError
from search_app.hosting.hosted import OpenAdder
from search_app.hosting.house import House, Parts, Rules
from search_app.hosting.models import LentEncoder, ModelShelf, lend_encoder, lend_sentences
from search_app.hosting.names import CatalogueNames
from search_app.index.base import IndexReader
from search_app.index.catalogue import Catalogue
from search_app.search.service import SearchService

OpenSentences = Callable[[], SentenceEncoder]


@dataclass(frozen=True, slots=True)
class Openers:
    """How the parts of a service are opened; each raises a `SearchAppError` where it cannot be."""

    encoder: Callable[[str], Encoder]
    """By the name of a model."""
    sentences: OpenSentences
    reader: Callable[[str], IndexReader]
    """Of the collection of this very name, whatever an alias of the name stands for."""
    service: Callable[[Encoder, IndexReader, OpenSentences], SearchService]
    """Of its parts, which it owns then."""
    max_pixels: int
    """Of pictures in queries."""
    adder: OpenAdder | None = None


def open_house(own: str, model: str, catalogue: Catalogue, openers: Openers, rules: Rules) -> House:
    """Open the collection `own` of a catalogue and whatever else is asked for; the house closes the catalogue.

    Raises what opening `own` raises.
    """
    encoders = ModelShelf[Encoder](openers.encoder, rules.idle_seconds)
    sentences = ModelShelf[SentenceEncoder](lambda _: openers.sentences(), rules.idle_seconds)

    def open_service(collection: str, model: str) -> SearchService:
        # An engine opens in a process of its own: where it is known which model is wanted, that opens meanwhile.
        with ThreadPoolExecutor(1, thread_name_prefix="model-opening") as beside:
            opening = beside.submit(lend_encoder, encoders, model) if model else None
            try:
                reader = openers.reader(collection)
            except BaseException:
                _give_back(opening)
                raise
            try:
                encoder = opening.result() if opening else lend_encoder(encoders, reader.manifest().model)
            except BaseException:
                reader.close()
                raise
        return openers.service(encoder, reader, lambda: lend_sentences(sentences))

    def close() -> None:
        encoders.close()
        sentences.close()
        catalogue.close()

    parts = Parts(open_service, encoders, openers.max_pixels, openers.adder, sentences.sweep, close)
    try:
        return House(own, model, CatalogueNames(catalogue), parts, rules)
    except BaseException:
        close()
        raise


def _give_back(opening: Future[LentEncoder] | None) -> None:
    """What was opened for nothing."""
    if opening is not None:
        with suppress(SearchAppError):  # another one is told already
            opening.result().close()
