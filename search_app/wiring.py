"""The only module that names a model: settings in, working parts out. `wiring_index` names the engines.

What only some commands need is imported where it is opened: the service shall start at once.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from search_app.encoders.adapter_head import adapted_names
from search_app.encoders.base import Encoder, SentenceEncoder
from search_app.encoders.soundness import probe_texts
from search_app.encoders.watched import Watch, WatchedEncoder, WatchedSentences
from search_app.encoders.weights import EXPORTED
from search_app.errors import EncoderError, IndexUnavailable, MissingDependency, SearchAppError, UnknownModel
from search_app.index.base import IndexReader
from search_app.judgements.store import JudgementStore
from search_app.search.service import SearchService
from search_app.settings import Settings, load_settings
from search_app.wiring_index import open_collection, resolved_collection
from search_app.words.base import WordReader

if TYPE_CHECKING:
    from search_app.hosting.opening import Openers
    from search_app.ingest.adding.adder import Adder
    from search_app.ingest.derive import DerivedEncoder
    from search_app.ingest.engine import MakeEngine
    from search_app.ingest.words import MakeWordsEngine
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


def ray_engine(settings: Settings, address: str = "", actors: int = 0) -> "MakeEngine":
    """Make what runs the middle of an index run on Ray; raises `MissingDependency` where that is not installed."""
    from search_app.ingest.on_ray.cluster import Cluster, require_ray
    from search_app.ingest.on_ray.pictures import RayEngine

    require_ray()
    # What opens a model needs no keys, so none leave this process.
    plain = settings.model_copy(update={"qdrant_api_key": "", "api_keys": ""})
    return partial(RayEngine, cluster=Cluster(address, actors), open_encoder=partial(open_encoder, plain))


def ray_words(address: str = "", actors: int = 0) -> "MakeWordsEngine":
    """Make what reads printed words on Ray, where `ray_engine` embeds."""
    from search_app.ingest.on_ray.cluster import Cluster
    from search_app.ingest.on_ray.words import RayWords

    return partial(RayWords, cluster=Cluster(address, actors), open_reader=open_word_reader)


def noted_words(notes: Path) -> "MakeWordsEngine":
    """Make what reads printed words in this process, and notes in a file what it is reading."""
    from search_app.ingest.words_noted import NotedWords

    return partial(NotedWords, notes=notes, open_reader=open_word_reader)


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


def open_service(settings: Settings | None = None, model: str = "") -> SearchService:
    """Open what answers queries; `close()` of the result gives all back.

    Where `model` is not given, an alias is asked with the model that made the collection, else with `SEARCH_MODEL`.
    """
    settings = settings or load_settings()
    try:
        collection = resolved_collection(settings)
    except IndexUnavailable:  # a service may be started before its server is
        collection = settings.collection
    return open_service_of(settings, collection, model or ("" if collection != settings.collection else settings.model))


def open_service_of(settings: Settings, collection: str, model: str = "") -> SearchService:
    """Open what answers from the collection of this very name, by the model that made it unless another is given."""
    openers = openers_of(settings)
    reader = openers.reader(collection)
    try:
        encoder = openers.encoder(model or reader.manifest().model)
    except SearchAppError:
        reader.close()
        raise
    return openers.service(encoder, reader, openers.sentences)


def openers_of(settings: Settings) -> "Openers":
    """How the parts of a service are opened: models under a watchdog that share nothing with one that is stuck."""
    from search_app.encoders.lite_text import forget_towers
    from search_app.hosting.opening import Openers, OpenSentences

    watch = Watch(settings.model_seconds, forget_towers)

    def encoder(name: str) -> Encoder:
        return WatchedEncoder(lambda: open_sound_encoder(settings.model_copy(update={"model": name})), watch)

    def service(encoder: Encoder, reader: IndexReader, sentences: OpenSentences) -> SearchService:
        return SearchService(
            encoder,
            reader,
            open_sentences=sentences,
            backend="qdrant" if settings.qdrant_url else "qdrant-edge",
            max_limit=settings.max_limit,
            max_pixels=settings.max_pixels,
        )

    return Openers(
        encoder,
        lambda: WatchedSentences(open_sentences, watch),
        lambda collection: open_collection(settings, collection).reader(),
        service,
        settings.max_pixels,
        None if settings.writes == "off" else partial(_open_adder, settings),
    )


def _open_adder(settings: Settings, collection: str, service: SearchService) -> "Adder":
    from search_app.ingest.adding.adder import Adder

    store = open_collection(settings, collection)
    return Adder(store, service.reader, lambda: service.encoder, max_pixels=settings.max_pixels)


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


def open_judgements(settings: Settings | None = None) -> JudgementStore:
    """Open the store of judgements beside the index; nothing is read or made before it is used."""
    from search_app.evaluation.trec import encode_path

    settings = settings or load_settings()
    return JudgementStore(settings.index_dir, encode_path)
