"""The search page and the description of the API: static files, served from here alone, nothing from other hosts."""

import importlib.util
import os
from pathlib import Path

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from starlette.datastructures import Headers
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from search_app.api.files import give_file

_WEB = Path(__file__).resolve().parent.parent / "web"

router = APIRouter(include_in_schema=False)


class WebFiles(StaticFiles):
    """Files a browser keeps, but asks about each time, so that an update shows at once."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,  # noqa: ARG002  # Starlette's signature; another status is for sites with a 404.html
    ) -> Response:
        """Answer with the file, or 304."""
        return give_file(Headers(scope=scope), full_path, stat_result, {"cache-control": "no-cache"})


_files = WebFiles(directory=_WEB)


def install(app: FastAPI) -> None:
    """Serve the pages, and Swagger UI where the package that carries it is installed."""
    app.include_router(router)
    app.mount("/static", _files)
    if importlib.util.find_spec("fastapi_offline"):
        app.mount("/docs/assets", WebFiles(packages=[("fastapi_offline", "static")]))


@router.head("/")
@router.get("/")
async def search_page(request: Request) -> Response:
    """Give the search page."""
    return await _files.get_response("index.html", request.scope)


@router.head("/judge")
@router.get("/judge")
async def judging_page(request: Request) -> Response:
    """Give the page on which people judge answers."""
    return await _files.get_response("judge.html", request.scope)


@router.head("/docs")
@router.get("/docs")
async def docs_page(request: Request) -> Response:
    """Give the description of the API to read and try."""
    return await _files.get_response("docs.html", request.scope)
