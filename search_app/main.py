"""Door: HTTP. `uvicorn search_app.main:app` serves; nothing is read or loaded before the server starts."""

from search_app.api.app import create_app
from search_app.wiring import open_fetcher, open_judgements, open_service

app = create_app(open_service, open_judgements, open_fetcher)
