"""Door: HTTP. `uvicorn search_app.main:app` serves; nothing is read or loaded before the server starts."""

from search_app.starting import uncollected

with uncollected():
    from search_app.api.app import create_app
    from search_app.wiring import open_judgements
    from search_app.wiring_http import open_fetcher, open_guard, open_house, open_observing

    app = create_app(open_house, open_judgements, open_fetcher, open_guard, open_observing=open_observing)
