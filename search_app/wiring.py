"""The only module that names a back end: settings in, working parts out.

What only some commands need is imported where it is opened: the service shall start at once.
"""

from typing import TYPE_CHECKING

from search_app.encoders.adapter_head import adapted_names
from search_app.encoders.base import Encoder, SentenceEncoder
from search_app.encoders.weights import EXPORTED
from search_app.errors import MissingDependency, SearchAppError, UnknownModel
from search_app.index.base import IndexStore
from search_app.judgements.store import JudgementStore
from search_app.search.service import SearchService
from search_app.settings import Settings, load_settings
from search_app.words.base import WordReader

if TYPE_CHECKING:
    from search_app.api.fetching import PictureFetcher
    from search_app.ingest.derive import DerivedEncoder
    from search_app.ingest.words_pass import WordsParts


def open_encoder(settings: Settings) -> Encoder:
    """Open the model `SEARCH_MODEL` names, on the device `SEARCH_DEVICE` names.

    Raises `EncoderError` in words that say what to do where it cannot be had. Nothing else is taken instead.
    """
    match settings.model:
        case "stub":
            from search_app.encoders.stub import StubEncoder

            return StubEncoder()
        case "lite":
            from search_app.encoders.lite import LiteEncoder

            return LiteEncoder()
        case name if name.startswith(EXPORTED):
            from search_app.encoders.onnx_clip import OnnxClipEncoder

            return OnnxClipEncoder.load(name, device=settings.device)
        case name if name in adapted_names(settings.models_dir):
            return open_adapted(settings)
        case name:
            try:
                from search_app.encoders.open_clip import OpenClipEncoder

                return OpenClipEncoder.load(name, device=settings.device)
            except (UnknownModel, MissingDependency) as error:
                trained = ", ".join(adapted_names(settings.models_dir)) or "none"
                raise type(error)(f"{error}; models trained here: {trained}") from error


def open_adapted(settings: Settings) -> "DerivedEncoder":
    """Open a model trained here, with its base on the device `SEARCH_DEVICE` names."""
    from search_app.encoders.adapted import AdaptedEncoder

    def open_base(name: str) -> Encoder:
        return open_encoder(settings.model_copy(update={"model": name}))

    return AdaptedEncoder.load(settings.models_dir / settings.model, open_base)


def open_store(settings: Settings) -> IndexStore:
    """Open the collection on a Qdrant server where `QDRANT_URL` is set, else in a folder of this machine."""
    if settings.qdrant_url:
        from search_app.index.server.store import ServerStore

        return ServerStore(settings.qdrant_url, settings.collection, settings.qdrant_api_key)
    from search_app.index.edge.store import EdgeStore

    return EdgeStore(settings.index_dir, settings.collection)


def open_memory_store(settings: Settings) -> IndexStore:
    """Make an empty collection in this process, for what is to be looked at once and not kept."""
    from search_app.index.memory import MemoryStore

    return MemoryStore(settings.collection)


def open_word_reader() -> WordReader:
    """Open what reads the words printed in pictures; models are loaded with the first picture."""
    from search_app.words.rapid import RapidReader

    return RapidReader()


def open_sentences() -> SentenceEncoder:
    """Open the model that compares printed words by what they mean."""
    from search_app.encoders.minilm import MiniLmSentences

    return MiniLmSentences()


def open_words(settings: Settings) -> "WordsParts":
    """Open what the second pass of an index run works with; `close()` of the result gives it back."""
    from search_app.ingest.words_pass import WordsParts
    from search_app.words.store import WordStore

    store = WordStore(settings.index_dir)
    return WordsParts(open_word_reader(), open_sentences(), store, settings.max_pixels, settings.workers)


def open_service(settings: Settings | None = None) -> SearchService:
    """Open what answers queries: encoder and index reader; `close()` of the result gives both back."""
    settings = settings or load_settings()
    encoder = open_encoder(settings)
    try:
        reader = open_store(settings).reader()
    except SearchAppError:
        encoder.close()
        raise
    backend = "qdrant" if settings.qdrant_url else "qdrant-edge"
    return SearchService(
        encoder,
        reader,
        open_sentences=open_sentences,
        backend=backend,
        max_limit=settings.max_limit,
        max_pixels=settings.max_pixels,
    )


def open_fetcher(settings: Settings | None = None) -> "PictureFetcher | None":
    """Make what fetches pictures by their address; None where `SEARCH_FETCH_URLS` is off, as it is by default."""
    settings = settings or load_settings()
    if settings.fetch_urls == "off":
        return None
    from search_app.api.fetching import PictureFetcher

    return PictureFetcher()


def open_judgements(settings: Settings | None = None) -> JudgementStore:
    """Open the store of judgements beside the index; nothing is read or made before it is used."""
    from search_app.evaluation.trec import encode_path

    settings = settings or load_settings()
    return JudgementStore(settings.index_dir, encode_path)
