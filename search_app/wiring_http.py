"""What the HTTP service opens beside the index and the models: settings in, its parts out."""

from pathlib import Path
from typing import TYPE_CHECKING

from search_app.settings import Settings, load_settings, told
from search_app.wiring import openers_of
from search_app.wiring_index import open_catalogue

if TYPE_CHECKING:
    from search_app.api.guarding.guard import Guard
    from search_app.api.observing.observing import Observing
    from search_app.hosting.house import House
    from search_app.sources.fetching import PictureFetcher


def open_house() -> "House":
    """Open the collection of the service, and others as they are asked for; `close()` gives all back."""
    from search_app.hosting.house import Rules
    from search_app.hosting.opening import open_house as opened

    settings = load_settings()
    # A server is asked each time, a folder is only looked at.
    rules = Rules(settings.open_collections, settings.idle_seconds, 0.5 if settings.qdrant_url else 0.25)
    return opened(settings.collection, settings.model, open_catalogue(settings), openers_of(settings), rules)


def open_fetcher(settings: Settings | None = None) -> "PictureFetcher | None":
    """Make what fetches pictures by their address; None where `SEARCH_FETCH_URLS` is off, as it is by default."""
    settings = settings or load_settings()
    if settings.fetch_urls == "off":
        return None
    from search_app.sources.fetching import PictureFetcher

    return PictureFetcher()


def open_observing(settings: Settings | None = None) -> "Observing":
    """Make the rules of what is logged, traced and told; raises `MissingDependency` where traces need a package."""
    from search_app.api.observing.observing import Observing

    settings = settings or load_settings()
    tracer = None
    if settings.otel == "on":
        from search_app.api.observing.tracing import open_tracer

        tracer = open_tracer()
    return Observing(settings.log_format, settings.log_queries == "on", tracer, told(settings))


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
