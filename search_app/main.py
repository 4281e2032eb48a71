"""Door: HTTP. `uvicorn search_app.main:app` serves; nothing is read or loaded before the server starts."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _uncollected() -> Iterator[None]:
    """Look for no garbage: a quarter of what these imports take goes into that, and all that they make stays."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


with _uncollected():
    from search_app.api.app import create_app
    from search_app.wiring import open_judgements
    from search_app.wiring_http import open_fetcher, open_guard, open_house, open_observing

    app = create_app(open_house, open_judgements, open_fetcher, open_guard, open_observing=open_observing)
