"""Routes that give pictures: the file itself and a small one.

Pictures are a stranger's files: they are served with the type their content has and a policy under which a browser
runs nothing in them, whatever they contain.
"""

import os
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from search_app.api.dependencies import ImageId, Service
from search_app.api.files import give_file, not_modified
from search_app.api.kept import Kept
from search_app.api.observing.journal import journal_of
from search_app.api.problems import Responses, documented
from search_app.errors import NotFound
from search_app.images.formats import HEAD_BYTES, sniff_format
from search_app.images.thumbnails import THUMBNAIL_MIME, make_thumbnail, thumbnail_of
from search_app.search.service import SearchService

router = APIRouter(tags=["images"])
_ASKED_ABOUT = {"cache-control": "private, no-cache"}
"""Kept, and asked about each time: an alias that is switched gives the same address another picture."""
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
    """Give a picture as it lies in the indexed folder, or in another source."""
    if not service.shows_files():
        known = service.picture(image_id)
        headers = {"etag": f'"{known.picture.content_hash}"', **_ASKED_ABOUT, **_NOTHING_RUNS}
        media_type = f"image/{known.picture.format.lower()}"
        return not_modified(request.headers, headers) or Response(service.content_of(known), 200, headers, media_type)
    path, status, version = _file(service, image_id)
    headers = {"etag": f'"{version}"', **_ASKED_ABOUT, **_NOTHING_RUNS}
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
    make_it, place, of_file = _maker(service, image_id)
    version = f"{of_file}-{size}"
    headers = {"etag": f'"{version}"', **_ASKED_ABOUT, **_NOTHING_RUNS}
    if unchanged := not_modified(request.headers, headers):
        return unchanged
    cache: Kept[tuple[Path, str], bytes] = request.app.state.thumbnails
    thumbnail = cache.get((place, version))
    journal_of(request.scope).thumbnail = "hit" if thumbnail else "miss"
    if not thumbnail:  # two threads may make the same one: neither waits for the other
        thumbnail = make_it(size=size, max_pixels=service.max_pixels)
        cache.keep((place, version), thumbnail)
    return Response(thumbnail, headers=headers, media_type=THUMBNAIL_MIME)


def _maker(service: SearchService, image_id: int) -> tuple[Callable[..., bytes], Path, str]:
    """What makes a thumbnail of a picture, where that lies, and what changes with it."""
    if service.shows_files():
        path, _, version = _file(service, image_id)
        return partial(make_thumbnail, path), path, version
    picture = (known := service.picture(image_id)).picture
    return lambda **named: thumbnail_of(service.content_of(known), **named), Path(picture.path), picture.content_hash


def _file(service: SearchService, image_id: int) -> tuple[Path, os.stat_result, str]:
    """The file of a picture, and what changes with it: also where the id is another picture's in another collection."""
    known = service.picture(image_id)
    path = service.file_of(known)
    try:
        status = path.stat()
    except OSError:
        raise NotFound(f"the file of image {image_id} vanished just now") from None
    return path, status, f"{known.picture.content_hash[:16]}-{status.st_mtime_ns:x}-{status.st_size:x}"


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
