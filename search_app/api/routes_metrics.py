"""The route for Prometheus."""

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response

router = APIRouter(tags=["status"])
_TEXT = {"schema": {"type": "string"}}


@router.get(
    "/metrics",
    summary="What is counted here, for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format, or OpenMetrics where it is asked for",
            "content": {"text/plain": _TEXT, "application/openmetrics-text": _TEXT},
        }
    },
)
async def metrics(request: Request) -> Response:
    """Tell everything that is counted, and the state of the index; written in a thread that no search waits for."""
    state, headers = request.app.state, request.headers
    limiter: CapacityLimiter = state.scrapes
    text, told = await to_thread.run_sync(
        state.exposition.text, headers.get("accept", ""), headers.get("accept-encoding", ""), limiter=limiter
    )
    return Response(text, headers=told)
