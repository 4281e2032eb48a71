"""The only module that names a back end: settings in, working parts out.

What only some commands need is imported where it is opened: the service shall start at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from search_app.encoders.adapter_head import adapted_names
from search_app.encoders.base import Encoder, SentenceEncoder
from search_app.encoders.soundness import probe_texts
from search_app.encoders.watched import Watch, WatchedEncoder, WatchedSentences
from search_app.encoders.weights import EXPORTED
from search_app.errors import EncoderError, MissingDependency, SearchAppError, UnknownModel
from search_app.index.base import IndexStore
from search_app.judgements.store import JudgementStore
from search_app.search.service import SearchService
from search_app.settings import Settings, load_settings
from search_app.words.base import WordReader

if TYPE_CHECKING:
    from search_app.api.fetching import PictureFetcher
    from search_app.api.guarding.guard import Guard
    from search_app.index.examined import Examined, FolderFacts
    from search_app.ingest.adding.adder import Adder
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


def open_sound_encoder(settings: Settings) -> Encoder:
    """Open the model and ask it two things, which takes milliseconds; raises `EncoderError` where it is broken too."""
    encoder = open_encoder(settings)
    try:
        probe_texts(encoder)
    except EncoderError:
        encoder.close()
        raise
    return encoder


def open_service(settings: Settings | None = None) -> SearchService:
    """Open what answers queries: models under a watchdog, and index reader; `close()` of the result gives all back."""
    from search_app.encoders.lite_text import forget_towers

    settings = settings or load_settings()
    watch = Watch(settings.model_seconds, forget_towers)
    encoder = WatchedEncoder(lambda: open_sound_encoder(settings), watch)
    try:
        reader = open_store(settings).reader()
    except SearchAppError:
        encoder.close()
        raise
    backend = "qdrant" if settings.qdrant_url else "qdrant-edge"
    return SearchService(
        encoder,
        reader,
        open_sentences=lambda: WatchedSentences(open_sentences, watch),
        backend=backend,
        max_limit=settings.max_limit,
        max_pixels=settings.max_pixels,
    )


def open_adder(service: SearchService, settings: Settings | None = None) -> "Adder | None":
    """Make what adds pictures to the index that `service` answers from; None where `SEARCH_WRITES` is off."""
    from search_app.ingest.adding.adder import Adder

    settings = settings or load_settings()
    if settings.writes == "off":
        return None
    return Adder(open_store(settings), service.reader, lambda: service.encoder, max_pixels=settings.max_pixels)


@contextmanager
def examine_index(settings: Settings, scratch: Path) -> "Iterator[Examined]":
    """Open the collection to look at it and change nothing; an embedded one is copied to the folder `scratch`.

    Raises what opening raises: `NoIndexYet`, `IndexDamaged`, `IndexUnavailable`.
    """
    from search_app.index.examined import Examined

    if settings.qdrant_url:
        reader = open_store(settings).reader()
        try:
            yield Examined(reader.manifest(), reader)
        finally:
            reader.close()
        return
    from search_app.index.edge.examine import examined

    with examined(settings.index_dir, settings.collection, scratch) as found:
        yield found


def look_at_folder(settings: Settings) -> "FolderFacts | None":
    """What lies in the folder of an embedded collection; None for one on a server and for one that is empty."""
    if settings.qdrant_url:
        return None
    from search_app.index.edge.examine import folder_facts

    return folder_facts(settings.index_dir, settings.collection)


def published_weights(settings: Settings) -> tuple[Path, str] | None:
    """The file that holds the weights and the SHA-256 its hub states; None where nobody states one from outside."""
    name = settings.model
    if "/" not in name or name.startswith(EXPORTED):
        return None  # these verify their files whenever they are opened
    from search_app.encoders.open_clip_checkpoint import find_checkpoint
    from search_app.encoders.weights import stated_sha256

    file = find_checkpoint(name).file
    stated = stated_sha256(file)
    return (file, stated) if stated else None


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


def open_guard(settings: Settings | None = None) -> "Guard":
    """Make the rules of who may ask the service; raises `SettingsError` where keys are given that cannot be read."""
    from search_app.api.guarding.guard import Guard, named_hosts, named_origins
    from search_app.api.guarding.keys import KeyRing
    from search_app.api.guarding.rates import Rates

    settings = settings or load_settings()
    file = Path(settings.api_keys_file) if settings.api_keys_file else None
    return Guard(
        keys=KeyRing(settings.api_keys, file) if settings.api_keys or file else None,
        rates=Rates(settings.rate_limit) if settings.rate_limit else None,
        waiting=settings.max_waiting,
        client_seconds=settings.client_seconds,
        hosts=named_hosts(settings.allowed_hosts),
        origins=named_origins(settings.allowed_origins),
    )
