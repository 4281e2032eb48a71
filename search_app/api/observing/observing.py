"""What the operator decided about what is seen of the service; by default what it counts, and nothing more."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from starlette.types import Scope

from search_app.api.observing.journal import Journal

if TYPE_CHECKING:
    from search_app.api.observing.lines import Ended

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus-client is told, before it is imported, that several processes count together."""
LogFormat: TypeAlias = Literal["plain", "json"]
SettingValue: TypeAlias = str | int | float | bool


class TracedRequest(Protocol):
    """One request that is traced."""

    trace_id: str
    """As W3C Trace Context writes it, for the log."""

    def end(self, ended: "Ended", journal: Journal) -> None:
        """Say how it was answered, and what was done for it."""
        ...


class Tracer(Protocol):
    """Sends traces away."""

    def request(self, scope: Scope) -> AbstractContextManager[TracedRequest]:
        """Trace what is done inside, as part of the trace that the headers of the request name."""
        ...

    def close(self) -> None:
        """Send what is left."""
        ...


@dataclass(frozen=True, slots=True)
class Observing:
    """Decisions about logs, traces and what `/info` tells."""

    log_format: LogFormat | None = None
    """None leaves the logs to whoever set them up."""
    log_queries: bool = False
    """Whether the log of requests has what was searched for."""
    tracer: Tracer | None = None
    configuration: Mapping[str, SettingValue] = field(default_factory=dict)
    """Every setting by its variable; of a secret only whether it is set."""
