"""Routes for operators: alive, ready, what runs here."""

from http import HTTPStatus

from fastapi import APIRouter

from search_app.api.dependencies import Service
from search_app.api.problems import documented
from search_app.api.schemas import Health, InfoOut, Readiness

router = APIRouter(tags=["status"])


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Alive")
async def healthz() -> Health:
    """Say that the process is alive; answers while every worker thread is busy too."""
    return Health(status="ok")


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", summary="Able to answer now", responses=documented(HTTPStatus.SERVICE_UNAVAILABLE))
def readyz(service: Service) -> Readiness:
    """Answer a real query through model and index, and check the vectors it takes."""
    manifest = service.ready()
    return Readiness(
        status="ready", collection=manifest.collection, count=manifest.count, generation=manifest.generation
    )


@router.get("/info", summary="What runs here")
def info(service: Service) -> InfoOut:
    """Tell what runs here: version, model, device, index."""
    return InfoOut.of(service.info())
