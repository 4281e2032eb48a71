"""The only module that names a back end: settings in, working parts out."""

from search_app.encoders.base import Encoder
from search_app.errors import SearchAppError
from search_app.index.base import IndexStore
from search_app.search.service import SearchService
from search_app.settings import Settings, load_settings


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
        case name:
            from search_app.encoders.open_clip import OpenClipEncoder

            return OpenClipEncoder.load(name, device=settings.device)


def open_store(settings: Settings) -> IndexStore:
    """Open the collection on a Qdrant server where `QDRANT_URL` is set, else in a folder of this machine."""
    if settings.qdrant_url:
        from search_app.index.server.store import ServerStore

        return ServerStore(settings.qdrant_url, settings.collection, settings.qdrant_api_key)
    from search_app.index.edge.store import EdgeStore

    return EdgeStore(settings.index_dir, settings.collection)


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
    return SearchService(encoder, reader, backend=backend, max_limit=settings.max_limit, max_pixels=settings.max_pixels)
