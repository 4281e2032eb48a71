"""Routes that change the collection while it is served: pictures are added and removed."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile

from search_app.api.dependencies import ImageId
from search_app.api.observing.journal import journal_of
from search_app.api.problems import documented
from search_app.api.turns import Turns
from search_app.errors import BadRequest, FolderClosed
from search_app.hosting.hosted import Lease
from search_app.ingest.adding.values import Added, NewPicture

if TYPE_CHECKING:
    from search_app.ingest.adding.adder import Adder

T = TypeVar("T")
router = APIRouter(tags=["images"])
MAX_PICTURES = 16
"""In one request; more come in more requests, which share commits where they come at the same time."""
AT_ONCE = 8
WAITING = 16
_FIELDS = {"image", "path", "meta"}
_REFUSED = documented(
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.CONFLICT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


class AddedImage(BaseModel):
    """A picture that is in the collection now."""

    id: int = Field(examples=[1125])
    path: str = Field(description="Relative to the indexed folder", examples=["cars/1125.jpg"])
    created: bool = Field(description="False where the same file was there under the same name")
    url: str = Field(examples=["/images/1125"])
    thumbnail_url: str = Field(examples=["/images/1125/thumbnail"])

    @classmethod
    def of(cls, added: Added, root: str) -> "AddedImage":
        """The same in the form of the interface."""
        url = f"{root}/images/{added.id}"
        return cls(id=added.id, path=added.path, created=added.created, url=url, thumbnail_url=f"{url}/thumbnail")


class AddedImages(BaseModel):
    """All pictures of a request, in their order."""

    images: list[AddedImage]


class Additions:
    """Adds to the collection that a request is about; few requests at a time, so that searches keep threads."""

    def __init__(self) -> None:
        self._turns = Turns(AT_ONCE, WAITING, stage="wait_to_add")

    async def take(self, request: Request, work: Callable[["Adder"], T]) -> T:
        """Do something with what adds; raises `FolderClosed` where nothing does, and as `Turns.take` and `work` do."""
        return await self._turns.take(request, lambda: work(_adder_of(request)))


def _adder_of(request: Request) -> "Adder":
    lease: Lease = request.state.lease
    adder = lease.hosted.adder()
    if adder is None:
        raise FolderClosed("pictures are neither added nor removed over HTTP here: SEARCH_WRITES=on allows it")
    adder.on_commit = request.app.state.metrics.count_commit
    return adder


async def _additions(request: Request) -> Additions:
    additions: Additions = request.app.state.additions
    return additions


Adding = Annotated[Additions, Depends(_additions)]

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {
                        "image": {
                            "type": "array",
                            "items": {"type": "string", "format": "binary"},
                            "minItems": 1,
                            "maxItems": MAX_PICTURES,
                        },
                        # A form cannot tell a list of one from the one.
                        "path": {
                            "type": ["string", "array"],
                            "items": {"type": "string"},
                            "description": "Where each of them goes in the indexed folder, in their order; else the "
                            "names of the files are taken",
                        },
                        "meta": {
                            "type": ["object", "array", "string"],
                            "items": {"type": "string"},
                            "description": "A JSON object of fields to filter and count by: one for each or for all",
                        },
                    },
                }
            }
        },
    }
}


@router.post(
    "/images",
    summary="Add pictures",
    status_code=HTTPStatus.CREATED,
    responses={200: {"description": "All of them were there", "model": AddedImages}, **_REFUSED},
    openapi_extra=_BODY,
)
async def add_images(request: Request, response: Response, adding: Adding) -> AddedImages:
    """Add pictures, all of them or none.

    They are files of the indexed folder and can be found by what they show when this answers. Sent again it changes
    nothing and answers 200 with the same ids.
    """
    pictures = await _of_form(request)
    added = await adding.take(request, lambda adder: adder.add(pictures))
    journal_of(request.scope).added = sum(each.created for each in added)
    images = AddedImages(images=[AddedImage.of(each, request.scope["root_path"]) for each in added])
    if not any(each.created for each in added):
        response.status_code = HTTPStatus.OK
    elif len(images.images) == 1:
        response.headers["location"] = images.images[0].url
    return images


@router.delete(
    "/images/{image_id}",
    summary="Remove a picture and its file",
    status_code=HTTPStatus.NO_CONTENT,
    responses=documented(
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    ),
)
async def delete_image(request: Request, adding: Adding, image_id: ImageId) -> None:
    """Remove a picture from the collection, and its file from the folder, for good. Its id is never given again."""
    await adding.take(request, lambda adder: adder.remove(image_id))
    journal_of(request.scope).removed = 1


async def _of_form(request: Request) -> list[NewPicture]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise BadRequest("send the picture as a file named image in a form (multipart/form-data)", "image")
    async with request.form(max_files=MAX_PICTURES, max_fields=2 * MAX_PICTURES) as form:
        unknown = form.keys() - _FIELDS
        if unknown:
            raise BadRequest(f"a form has image, path and meta, not {min(unknown)!r}", min(unknown))
        files = [part for part in form.getlist("image") if isinstance(part, UploadFile)]
        if not files or len(files) < len(form.getlist("image")):
            raise BadRequest("image is a file, at least one: send it with its name", "image")
        names = _for_each("path", [str(text) for text in form.getlist("path")], len(files))
        metas = _for_each("meta", [str(text) for text in form.getlist("meta")], len(files))
        return [
            NewPicture(
                name=names[at] or _plain_name(part.filename or "", f"image.{at}"),
                data=await part.read(),
                meta=_meta(metas[at], f"meta.{at}"),
                parameter=f"image.{at}",
            )
            for at, part in enumerate(files)
        ]


def _for_each(field: str, texts: list[str], pictures: int) -> list[str]:
    """A text for each picture, empty where nothing was said; one `meta` may stand for all of them."""
    if not texts:
        return [""] * pictures
    if field == "meta" and len(texts) == 1:
        return texts * pictures
    if len(texts) != pictures:
        raise BadRequest(f"there are {len(texts)} of {field} for {pictures} pictures: give one for each", field)
    return texts


def _plain_name(name: str, parameter: str) -> str:
    """The name of a file; whatever folder its sender keeps it in is no business of ours (RFC 7578, 4.2)."""
    if "/" in name or "\\" in name:
        raise BadRequest(f"{name[:80]!r} names a folder: send the picture's place here as path", parameter)
    return name


def _meta(text: str, parameter: str) -> Mapping[str, Any]:
    from search_app.sources.rows import BadLine, json_row

    try:
        return json_row(text) if text.strip() else {}
    except BadLine as problem:
        raise BadRequest(f"the metadata cannot be used: {problem.reason}", parameter) from None
