"""What both clients know: where the service is, who asks, and how patiently."""

from typing import Any

import httpx

from search_app.client.errors import ClientError
from search_app.client.retrying import Retry

DEFAULT_URL = "http://localhost:8000"


def http_options(url: str, collection: str, api_key: str, timeout: float) -> dict[str, Any]:
    """The arguments of httpx's clients.

    The key goes into a header, which httpx shows as `[secure]`, and nowhere else. Raises `ClientError` for an address
    or a key that cannot be used; the latter here, because the words of a later error would have the key in them.
    """
    if api_key and not (api_key.isascii() and api_key.isprintable() and " " not in api_key):
        raise ClientError("the API key has characters that cannot be sent: letters, digits and signs of ASCII can")
    headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
    return {"base_url": _address(url, collection), "headers": headers, "timeout": timeout}


def _address(url: str, collection: str) -> httpx.URL:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ClientError(f"the address of the service cannot be read: {error}") from None
    if address.scheme not in {"http", "https"} or not address.host:
        raise ClientError(f"the address of the service begins with http:// or https://, as {DEFAULT_URL} does")
    if not collection:
        return address
    if not (collection.isascii() and collection.replace(".", "a").replace("_", "a").replace("-", "a").isalnum()):
        raise ClientError(f"{collection!r} is the name of no collection: letters, digits, '.', '-' and '_' are in one")
    return address.copy_with(path=f"{address.path.rstrip('/')}/collections/{collection}/")


class Connected:
    """The part of a client that has nothing to do with how it waits."""

    def __init__(self, url: httpx.URL, timeout: float, retry: Retry | None) -> None:
        self.url = str(url.copy_with(username=None, password=None))
        """Where the service is; a password in it is left out."""
        self._timeout = timeout
        self._retry = retry or Retry()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"
