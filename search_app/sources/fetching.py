"""Pictures by their address, fetched so that a caller cannot reach through this service into the network it stands in.

A name is resolved once, every address it has is checked, and the connection goes to a checked address itself: a name
that answers differently the second time (DNS rebinding) is not asked a second time. Redirects are followed by hand,
each checked like the first address. What stands at a public address is all that an error tells anything about.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from socket import SOCK_STREAM
from ssl import SSLContext
from typing import TypeAlias

import anyio
import httpx

from search_app import __version__
from search_app.errors import BadRequest
from search_app.images.formats import HEAD_BYTES, describe_content, sniff_format
from search_app.sources.addresses import Network, may_be_fetched_from

Resolve: TypeAlias = Callable[[bytes, int], Awaitable[list[str]]]
"""From a host as a URL spells it and a port to its numeric addresses, the best first; raises `OSError`."""

_AT_ONCE = 8
"""Fetches of all requests together: bounds the memory they take."""
_TRIED = 4
"""Addresses of one name."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NOT_HAD = (
    "the picture cannot be had from there: give the address of a picture that everybody on the internet can see, "
    "or send the picture itself as image"
)
"""One sentence, whether an address is not allowed, a name unknown, a connection refused or the answer none."""


@dataclass(frozen=True, slots=True)
class FetchRules:
    """What is fetched at most, and from where."""

    ports: frozenset[int] = frozenset({80, 443})
    permitted: tuple[Network, ...] = ()
    """Networks that are asked though they are not public."""
    seconds: float = 10.0
    """For all pictures of one request, from the first name resolved to the last byte read."""
    max_bytes: int = 20_000_000
    """Of one picture."""
    redirects: int = 3


async def resolve(host: bytes, port: int) -> list[str]:
    """The addresses the system's resolver gives; it reads `127.1`, `0x7f.1` and `2130706433` as numbers too."""
    found = await anyio.getaddrinfo(host, port, type=SOCK_STREAM)
    return [socket_address[0] for *_, socket_address in found]


class PictureFetcher:
    """Fetches pictures for queries. Made inside the event loop that it is used in."""

    def __init__(
        self, rules: FetchRules | None = None, *, resolve: Resolve = resolve, tls: SSLContext | None = None
    ) -> None:
        """Without `tls` the certificates of the usual authorities are trusted."""
        self._rules = rules or FetchRules()
        self._resolve = resolve
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        self._free = anyio.Semaphore(_AT_ONCE)

    async def fetch(self, wanted: Mapping[str, str]) -> dict[str, bytes]:
        """Fetch the pictures of one request.

        Args:
            wanted: the parameter that holds an address, to that address.

        Returns:
            Each address with the picture file that is there.

        Raises:
            BadRequest: naming the parameter whose picture cannot be had.

        """
        fetched: dict[str, bytes] = {}
        parameter = ""
        try:
            with anyio.fail_after(self._rules.seconds):
                async with self._free:
                    for parameter, address in wanted.items():
                        if address not in fetched:
                            fetched[address] = await self._followed(address, parameter)
        except TimeoutError:
            late = f"the picture did not come within {self._rules.seconds:g} seconds: send it itself as image"
            raise BadRequest(late, parameter) from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError):
            raise BadRequest(_NOT_HAD, parameter) from None
        return fetched

    async def _followed(self, address: str, parameter: str) -> bytes:
        url = httpx.URL(address)
        for _ in range(self._rules.redirects + 1):
            self._check(url, parameter)
            answer = await self._asked(url, parameter)
            if isinstance(answer, bytes):
                return _picture(answer, parameter)
            url = answer
        raise BadRequest(f"more than {self._rules.redirects} redirects: give the address they lead to", parameter)

    def _check(self, url: httpx.URL, parameter: str) -> None:
        """What can be told from the address alone."""
        if url.scheme not in {"http", "https"} or not url.host:
            raise BadRequest("the address of a picture begins with http:// or https:// and a host", parameter)
        if url.userinfo:
            raise BadRequest("an address with a user's name or password in it is not fetched", parameter)
        if _port(url) not in self._rules.ports:
            ports = " and ".join(map(str, sorted(self._rules.ports)))
            raise BadRequest(f"pictures are fetched from the ports {ports} only", parameter)

    async def _asked(self, url: httpx.URL, parameter: str) -> bytes | httpx.URL:
        """The content at an address, or where it sends us; raises `httpx.HTTPError`, `OSError` or `BadRequest`."""
        addresses = await self._resolve(url.raw_host, _port(url))
        if not addresses or not all(may_be_fetched_from(each, self._rules.permitted) for each in addresses):
            raise BadRequest(_NOT_HAD, parameter)
        *others, last = addresses[:_TRIED]
        for address in others:
            try:
                return await self._asked_at(address, url, parameter)
            except httpx.ConnectError:
                continue
        return await self._asked_at(last, url, parameter)

    async def _asked_at(self, address: str, url: httpx.URL, parameter: str) -> bytes | httpx.URL:
        request = httpx.Request(
            "GET",
            url.copy_with(host=address),
            headers={
                "Host": url.netloc.decode("ascii"),
                "User-Agent": f"search_app/{__version__}",
                "Accept": "image/*",
                "Accept-Encoding": "identity",  # so that what is read is what counts towards the limit
                "Connection": "close",
            },
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        # The bare transport: no cookies, no proxies, no redirects, nothing of the environment. A new one each time, as
        # a connection that was kept is kept for an address, and its certificate may have been for another name.
        async with httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False) as transport:
            response = await transport.handle_async_request(request)
            try:
                if response.status_code in _REDIRECTS and "location" in response.headers:
                    return url.join(response.headers["location"])
                if response.status_code != httpx.codes.OK:
                    raise BadRequest(_NOT_HAD, parameter)
                return await self._read(response, parameter)
            finally:
                await response.aclose()

    async def _read(self, response: httpx.Response, parameter: str) -> bytes:
        read = bytearray()
        async for part in response.aiter_raw():
            read += part
            if len(read) > self._rules.max_bytes:
                limit = f"{self._rules.max_bytes / 1e6:g} MB"
                raise BadRequest(f"the picture has more than {limit}: send a smaller one as image", parameter)
        return bytes(read)


def _port(url: httpx.URL) -> int:
    return {"http": 80, "https": 443}[url.scheme] if url.port is None else url.port


def _picture(content: bytes, parameter: str) -> bytes:
    """The content, where it begins as a picture does; the decoder looks at the rest. Nobody's word is taken for it."""
    head = content[:HEAD_BYTES]
    if sniff_format(head) is None:
        found = describe_content(head)
        raise BadRequest(f"what is at that address is no picture that is read here, but {found}", parameter)
    return content
