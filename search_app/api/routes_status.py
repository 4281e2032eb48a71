"""Routes for operators: alive, ready, what runs here."""

from http import HTTPStatus

from fastapi import APIRouter, Request

from search_app.api.dependencies import Note, Service
from search_app.api.problems import documented
from search_app.api.schemas_status import Health, InfoOut, Readiness

router = APIRouter(tags=["status"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Alive")
async def healthz() -> Health:
    """Say that the process is alive; answers while every worker thread is busy too."""
    return Health(status="ok")


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    summary="Able to answer now",
    responses=documented(HTTPStatus.SERVICE_UNAVAILABLE),
    response_model_exclude_none=True,
)
def readyz(service: Service, note: Note) -> Readiness:
    """Answer a real query through model and index, and check the vectors it takes."""
    manifest = service.ready()
    return Readiness(
        status="ready",
        collection=manifest.collection,
        count=manifest.count,
        generation=manifest.generation,
        note=note,
    )


@router.get("/info", summary="What runs here", response_model_exclude_unset=True)
def info(service: Service, request: Request, note: Note) -> InfoOut:
    """Tell what runs here: version, model, device, index, settings."""
    is_for_one = bool(
        getattr(request.state, "only_collection", "")
    )  # a key of one collection: the rest is not its business
    told = InfoOut.of(service.info(), {} if is_for_one else request.app.state.observing.configuration)
    return told.model_copy(update={"note": note}) if note else told
