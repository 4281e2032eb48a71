"""Enough of Qdrant's REST interface for the server adapter, answered by qdrant-client's local mode.

Two uses where the image `qdrant/qdrant` cannot be pulled or a test wants real HTTP without a container:
`with serving() as url:` in a test, and `python qdrant_stand_in.py` as the main process of a container
(`QDRANT_FOLDER` keeps the data there). Exact search, REST only: neither Qdrant's speed nor its gRPC port.
"""

import os
import threading
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse, PlainTextResponse
from qdrant_client import QdrantClient, models

VERSION = "1.19.2"
BOOT_SECONDS = 20.0
COLLECTION = "/collections/{collection}"
POINTS = COLLECTION + "/points"

router = APIRouter()


def answer(result: Any) -> JSONResponse:
    """Qdrant's envelope around a result."""
    return JSONResponse({"result": jsonable_encoder(result, exclude_none=True), "status": "ok", "time": 0.0})


def done() -> JSONResponse:
    """The answer to a change of points."""
    return answer(models.UpdateResult(operation_id=0, status=models.UpdateStatus.COMPLETED))


def local(request: Request) -> QdrantClient:
    """The engine behind this server. Handlers are coroutines, so one at a time reaches it."""
    return request.app.state.client


@router.get("/")
async def version() -> dict[str, str]:
    return {"title": "qdrant - vector search engine", "version": VERSION}


@router.get("/healthz")
@router.get("/livez")
@router.get("/readyz")
async def ready() -> PlainTextResponse:
    return PlainTextResponse("all shards are ready")


@router.get("/collections")
async def list_collections(request: Request) -> JSONResponse:
    return answer(local(request).get_collections())


@router.get("/aliases")
async def list_aliases(request: Request) -> JSONResponse:
    return answer(local(request).get_aliases())


@router.post("/collections/aliases")
async def change_aliases(request: Request, body: models.ChangeAliasesOperation) -> JSONResponse:
    return answer(local(request).update_collection_aliases(body.actions))


@router.get(COLLECTION + "/aliases")
async def list_collection_aliases(request: Request, collection: str) -> JSONResponse:
    return answer(local(request).get_collection_aliases(collection))


@router.get(COLLECTION + "/exists")
async def collection_exists(request: Request, collection: str) -> JSONResponse:
    return answer({"exists": local(request).collection_exists(collection)})


@router.get(COLLECTION)
async def describe_collection(request: Request, collection: str) -> JSONResponse:
    return answer(local(request).get_collection(collection))


@router.put(COLLECTION)
async def create_collection(request: Request, collection: str, body: models.CreateCollection) -> JSONResponse:
    return answer(
        local(request).create_collection(
            collection,
            vectors_config=body.vectors,
            sparse_vectors_config=body.sparse_vectors,
            metadata=body.metadata,
        )
    )


@router.patch(COLLECTION)
async def update_collection(request: Request, collection: str, body: models.UpdateCollection) -> JSONResponse:
    local(request).update_collection(collection, metadata=body.metadata)
    return answer(result=True)


@router.delete(COLLECTION)
async def delete_collection(request: Request, collection: str) -> JSONResponse:
    return answer(local(request).delete_collection(collection))


@router.put(COLLECTION + "/index")
async def create_payload_index(request: Request, collection: str, body: models.CreateFieldIndex) -> JSONResponse:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # local mode says that it has no use for them
        return answer(local(request).create_payload_index(collection, body.field_name, body.field_schema))


@router.put(POINTS)
async def upsert(request: Request, collection: str, body: models.PointsList | models.PointsBatch) -> JSONResponse:
    local(request).upsert(collection, body.points if isinstance(body, models.PointsList) else body.batch)
    return done()


@router.post(POINTS)
async def retrieve(request: Request, collection: str, body: models.PointRequest) -> JSONResponse:
    found = local(request).retrieve(
        collection,
        body.ids,
        with_payload=True if body.with_payload is None else body.with_payload,
        with_vectors=body.with_vector or False,
    )
    return answer(found)


@router.post(POINTS + "/delete")
async def delete_points(request: Request, collection: str, body: models.PointsSelector) -> JSONResponse:
    local(request).delete(collection, body)
    return done()


@router.post(POINTS + "/batch")
async def batch_update(request: Request, collection: str, body: models.UpdateOperations) -> JSONResponse:
    return answer(local(request).batch_update_points(collection, body.operations))


@router.post(POINTS + "/payload")
async def set_payload(request: Request, collection: str, body: models.SetPayload) -> JSONResponse:
    local(request).set_payload(collection, body.payload, points=body.filter or body.points or [], key=body.key)
    return done()


@router.put(POINTS + "/payload")
async def overwrite_payload(request: Request, collection: str, body: models.SetPayload) -> JSONResponse:
    local(request).overwrite_payload(collection, body.payload, points=body.filter or body.points or [])
    return done()


@router.post(POINTS + "/payload/delete")
async def delete_payload(request: Request, collection: str, body: models.DeletePayload) -> JSONResponse:
    local(request).delete_payload(collection, body.keys, points=body.filter or body.points or [])
    return done()


@router.put(POINTS + "/vectors")
async def update_vectors(request: Request, collection: str, body: models.UpdateVectors) -> JSONResponse:
    local(request).update_vectors(collection, body.points)
    return done()


@router.post(POINTS + "/vectors/delete")
async def delete_vectors(request: Request, collection: str, body: models.DeleteVectors) -> JSONResponse:
    local(request).delete_vectors(collection, body.vector, points=body.filter or body.points or [])
    return done()


@router.put(COLLECTION + "/vectors/{name}")
async def create_vector_name(
    request: Request, collection: str, name: str, body: models.DenseVectorNameConfig | models.SparseVectorNameConfig
) -> JSONResponse:
    local(request).create_vector_name(collection, name, body)
    return done()


@router.delete(COLLECTION + "/vectors/{name}")
async def delete_vector_name(request: Request, collection: str, name: str) -> JSONResponse:
    local(request).delete_vector_name(collection, name)
    return done()


@router.post(POINTS + "/scroll")
async def scroll(request: Request, collection: str, body: models.ScrollRequest) -> JSONResponse:
    points, following = local(request).scroll(
        collection,
        scroll_filter=body.filter,
        limit=body.limit or 10,
        order_by=body.order_by,
        offset=body.offset,
        with_payload=True if body.with_payload is None else body.with_payload,
        with_vectors=body.with_vector or False,
    )
    return answer({"points": points, "next_page_offset": following})


@router.post(POINTS + "/count")
async def count(request: Request, collection: str, body: models.CountRequest) -> JSONResponse:
    return answer(local(request).count(collection, count_filter=body.filter))


@router.post(COLLECTION + "/facet")
async def facet(request: Request, collection: str, body: models.FacetRequest) -> JSONResponse:
    return answer(local(request).facet(collection, body.key, facet_filter=body.filter, limit=body.limit or 10))


@router.post(POINTS + "/query")
async def query(request: Request, collection: str, body: models.QueryRequest) -> JSONResponse:
    return answer(
        local(request).query_points(
            collection,
            query=body.query,
            using=body.using,
            prefetch=body.prefetch,
            query_filter=body.filter,
            search_params=body.params,
            limit=10 if body.limit is None else body.limit,
            offset=body.offset,
            with_payload=body.with_payload or False,
            with_vectors=body.with_vector or False,
            score_threshold=body.score_threshold,
        )
    )


@router.post(POINTS + "/query/batch")
async def query_batch(request: Request, collection: str, body: models.QueryRequestBatch) -> JSONResponse:
    return answer(local(request).query_batch_points(collection, body.searches))


async def refuse(_: Request, error: Exception) -> JSONResponse:
    """Answer a refusal of local mode with the status the server gives it."""
    message = str(error)
    status = 404 if "not found" in message else 409 if "already exists" in message else 400
    return JSONResponse({"status": {"error": message}, "time": 0.0}, status)


def create_app(folder: str | None = None) -> FastAPI:
    """A server over an empty engine in memory, or over what `folder` holds."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.client = QdrantClient(path=folder) if folder else QdrantClient(":memory:")
        yield
        app.state.client.close()

    app = FastAPI(lifespan=lifespan)
    app.include_router(router)
    app.add_exception_handler(ValueError, refuse)
    return app


@contextmanager
def serving(folder: str | None = None) -> Iterator[str]:
    """Serve on a free port of this machine for as long as the context lasts; gives the URL."""
    server = uvicorn.Server(uvicorn.Config(create_app(folder), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + BOOT_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the Qdrant stand-in did not start")
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


if __name__ == "__main__":
    uvicorn.run(create_app(os.environ.get("QDRANT_FOLDER")), host="0.0.0.0", port=6333)  # noqa: S104
