"""Routes that give pictures: the file itself and a small one.

Pictures are a stranger's files: they are served with the type their content has and a policy under which a browser
runs nothing in them, whatever they contain.
"""

import os
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from search_app.api.dependencies import ImageId, Service
from search_app.api.files import give_file, not_modified
from search_app.api.problems import Responses, documented
from search_app.api.thumbnail_cache import ThumbnailCache
from search_app.errors import NotFound
from search_app.images.formats import HEAD_BYTES, sniff_format
from search_app.images.thumbnails import THUMBNAIL_MIME, make_thumbnail
from search_app.search.service import SearchService

router = APIRouter(tags=["images"])
_NOTHING_RUNS = {"content-security-policy": "default-src 'none'; sandbox"}


def _given_by(*media_types: str) -> Responses:
    picture = {media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in media_types}
    return {
        200: {"description": "The picture", "content": picture},
        304: {"description": "The caller has it already"},
        **documented(HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.SERVICE_UNAVAILABLE),
    }


@router.head("/images/{image_id}", include_in_schema=False)
@router.get("/images/{image_id}", summary="The picture itself", response_class=Response, responses=_given_by("image/*"))
def image(service: Service, request: Request, image_id: ImageId) -> Response:
    """Give a picture as it lies in the indexed folder."""
    path, status = _file(service, image_id)
    headers = {"cache-control": "private, no-cache", **_NOTHING_RUNS}
    return give_file(request.headers, path, status, headers, _media_type(path))


@router.head("/images/{image_id}/thumbnail", include_in_schema=False)
@router.get(
    "/images/{image_id}/thumbnail", summary="A small one", response_class=Response, responses=_given_by(THUMBNAIL_MIME)
)
def thumbnail(
    service: Service,
    request: Request,
    image_id: ImageId,
    size: Annotated[int, Query(ge=32, le=2048, description="Pixels of the longer edge; never enlarged")] = 320,
) -> Response:
    """Give a small JPEG of a picture, the right way up and without the original's metadata."""
    path, status = _file(service, image_id)
    version = f"{status.st_mtime_ns:x}-{status.st_size:x}-{size}"
    headers = {"cache-control": "private, max-age=300", "etag": f'"{version}"', **_NOTHING_RUNS}
    if unchanged := not_modified(request.headers, headers):
        return unchanged
    cache: ThumbnailCache = request.app.state.thumbnails
    make = partial(make_thumbnail, path, size=size, max_pixels=service.max_pixels)
    return Response(cache.get((path, version), make), headers=headers, media_type=THUMBNAIL_MIME)


def _file(service: SearchService, image_id: int) -> tuple[Path, os.stat_result]:
    path = service.file_of(service.picture(image_id))
    try:
        return path, path.stat()
    except OSError:
        raise NotFound(f"the file of image {image_id} vanished just now") from None


def _media_type(path: Path) -> str:
    """The type the content has now; raises `NotFound` where the file is no picture any more."""
    try:
        with path.open("rb") as file:
            found = sniff_format(file.read(HEAD_BYTES))
    except OSError as error:
        raise NotFound(f"the file of this image cannot be read: {error.strerror}") from None
    if found is None:
        raise NotFound("the file of this image is not a picture any more: index the folder again")
    return f"image/{found.lower()}"
