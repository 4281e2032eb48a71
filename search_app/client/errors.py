"""What can go wrong between a program and the service.

ClientError
├── ProblemError       the service answered with a problem document, or with an HTTP error of any kind
├── Unreachable        nobody answered in the time there was
└── UnexpectedAnswer   something answered that is not this service
"""

from search_app.errors import SearchAppError


class ClientError(SearchAppError):
    """The service could not be asked, or did not do what was asked."""


class ProblemError(ClientError):
    """The service refused, and its problem document (RFC 9457) says why."""

    def __init__(self, status: int, title: str, detail: str, parameter: str | None = None) -> None:
        super().__init__(f"{status} {title}: {detail}" if detail else f"{status} {title}")
        self.status = status
        """The HTTP status: 404 for an unknown id, 422 for a wrong parameter, 503 where it cannot answer now."""
        self.title = title
        self.detail = detail
        """What happened, to what, and what to do."""
        self.parameter = parameter
        """The parameter that is wrong, where one is."""


class Unreachable(ClientError):
    """Nobody answered in the time there was."""


class UnexpectedAnswer(ClientError):
    """What answered is not this service, or a version of it that this client does not know."""
