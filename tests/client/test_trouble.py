"""Lost connections, busy services, strangers and keys; in both clients."""

import json
import logging
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest

from search_app.client import ClientError, ProblemError, Retry, SearchClient, UnexpectedAnswer, Unreachable
from search_app.client.retrying import Attempts
from tests.client.served import Reply, answering
from tests.conftest import free_port

READY = Reply(200, json.dumps({"status": "ready", "collection": "c", "count": 1, "generation": 2}))
BUSY = Reply(503, json.dumps({"title": "Service Unavailable", "detail": "nothing has been indexed yet"}))
QUICK = Retry(first=0.001, longest=0.001)
KEY = "sk-a-secret-of-the-house"
Open = Callable[..., Any]


@pytest.mark.parametrize(
    "trouble", [BUSY, Reply(429, headers={"retry-after": "0"}), Reply(0)], ids=["503", "429", "connection lost"]
)
def test_what_passes_is_asked_again(open_client: Open, trouble: Reply) -> None:
    with answering(trouble, trouble, READY) as peer:
        assert open_client(peer.url, retry=QUICK).ready().generation == 2
    assert len(peer.asked) == 3


def test_a_search_is_asked_again_with_its_body(open_client: Open) -> None:
    answer = {"hits": [], "no_match": True, "model": "m", "collection": "c", "generation": 1, "took_ms": {}}
    with answering(BUSY, Reply(200, json.dumps(answer))) as peer:
        assert open_client(peer.url, retry=QUICK).search("red").no_match
    assert [(method, path) for method, path, _ in peer.asked] == [("POST", "/search")] * 2
    assert len({headers["content-length"] for _, _, headers in peer.asked}) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 500, 502])
def test_what_would_be_refused_again_is_asked_once(open_client: Open, status: int) -> None:
    page = Reply(status, "<html>a proxy</html>", {"content-type": "text/html"})
    with answering(page) as peer, pytest.raises(ProblemError) as refused:
        open_client(peer.url, retry=QUICK).ready()
    assert (refused.value.status, refused.value.detail) == (status, "")
    assert len(peer.asked) == 1


def test_the_number_of_attempts_ends(open_client: Open) -> None:
    with answering(BUSY) as peer, pytest.raises(ProblemError, match="nothing has been indexed yet"):
        open_client(peer.url, retry=Retry(attempts=3, first=0.001)).ready()
    assert len(peer.asked) == 3


def test_a_wait_beyond_the_deadline_is_not_begun(open_client: Open) -> None:
    with answering(Reply(503, headers={"retry-after": "86400"})) as peer, pytest.raises(ProblemError):
        open_client(peer.url).ready()
    assert len(peer.asked) == 1


def test_nobody_there(open_client: Open) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable, match=f"{url}/readyz does not answer"):
        open_client(url, retry=QUICK).ready()


def test_the_timeout_of_an_attempt_ends_it(open_client: Open) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unreachable, match="does not answer"):
            open_client(url, timeout=0.05, retry=Retry(attempts=2, first=0.001)).ready()


@pytest.mark.parametrize("body", ["hello", "[]", '{"status": "ready"}', '{"status": 3, "collection": "c"}'])
def test_an_answer_of_a_stranger(open_client: Open, body: str) -> None:
    with (
        answering(Reply(200, body)) as peer,
        pytest.raises(UnexpectedAnswer, match="not the answer of an image search"),
    ):
        open_client(peer.url).ready()


def test_a_page_is_no_picture(open_client: Open) -> None:
    page = Reply(200, "<html>", {"content-type": "text/html"})
    with answering(page) as peer, pytest.raises(UnexpectedAnswer, match="text/html"):
        open_client(peer.url).image(1)


def test_fields_of_a_newer_service_are_passed_over(open_client: Open) -> None:
    hit = {
        "id": 1,
        "score": 1,
        "relevance": 0.5,
        "path": "a",
        "url": "/a",
        "thumbnail_url": "/t",
        "width": 1,
        "height": 1,
    }
    words = {"text": "SALE", "by": "form", "box": [0, 0, 1, 1], "spans": [[0, 4]], "span_boxes": [], "ink": "red"}
    answer = {
        "no_match": False,
        "model": "m",
        "collection": "c",
        "generation": 1,
        "took_ms": {"total": 1, "new": 2},
        "hits": [{**hit, "words": [words], "aura": {"deep": [1]}}],
        "weather": "fine",
        "facets": None,
    }
    with answering(Reply(200, json.dumps(answer))) as peer:
        found = open_client(peer.url).search("x").hits[0]
    assert (found.score, type(found.score)) == (1.0, float)
    assert found.words[0].box == (0.0, 0.0, 1.0, 1.0)
    assert found.words[0].spans == ((0, 4),)
    assert found.copies == ()


def test_a_service_below_a_path(open_client: Open) -> None:
    with answering(READY) as peer:
        open_client(f"{peer.url}/pictures/").ready()
        open_client(f"{peer.url}/pictures").ready()
    assert [path for _, path, _ in peer.asked] == ["/pictures/readyz"] * 2


def test_a_key_is_sent_and_told_to_nobody(open_client: Open, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), answering(BUSY, READY) as peer:
        open_client(peer.url, api_key=KEY, retry=QUICK).ready()
    assert [headers["authorization"] for _, _, headers in peer.asked] == [f"Bearer {KEY}"] * 2
    assert KEY not in caplog.text
    with pytest.raises(Unreachable) as nobody:
        open_client(f"http://127.0.0.1:{free_port()}", api_key=KEY, retry=QUICK).ready()
    assert KEY not in str(nobody.value)


def test_a_client_shows_neither_key_nor_password() -> None:
    with SearchClient(f"http://me:{KEY}@localhost:1/x", api_key=KEY) as client:
        assert repr(client) == "SearchClient('http://localhost:1/x/')"
        assert KEY not in str(vars(client))


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_a_key_that_cannot_be_sent_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ClientError, match="cannot be sent") as refused:
        SearchClient(api_key=key)
    assert key not in str(refused.value)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://localhost", "http://", "", "http://[::1"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ClientError, match="address of the service"):
        SearchClient(url)


def test_pauses_double_up_to_the_longest() -> None:
    attempts = Attempts(Retry(attempts=7, first=0.5, longest=3), clock=lambda: 0.0, draw=lambda low, high: high)
    lost = httpx.ConnectError("no")
    assert [attempts.pause_after(lost) for _ in range(7)] == [0.5, 1.0, 2.0, 3.0, 3.0, 3.0, None]


def test_pauses_are_drawn_between_nothing_and_their_bound() -> None:
    drawn: list[tuple[float, float]] = []
    attempts = Attempts(Retry(), clock=lambda: 0.0, draw=lambda low, high: drawn.append((low, high)) or low)
    assert attempts.pause_after(httpx.ReadTimeout("late")) == 0.0
    assert drawn == [(0.0, 0.2)]


def test_the_deadline_counts_from_the_beginning() -> None:
    now = [100.0]
    attempts = Attempts(Retry(deadline=10, first=1), clock=lambda: now[0], draw=lambda low, high: high)
    assert attempts.time_left(30) == 10
    assert attempts.time_left(3) == 3
    now[0] = 108.0
    assert attempts.time_left(30) == 2
    assert attempts.pause_after(httpx.ReadError("lost")) == 1
    assert attempts.pause_after(httpx.ReadError("lost")) is None


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        ("in an hour", 3000, 3600),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0, 0),
        ("soon", 0, 0),
        ("", 0, 0),
        ("-5", 0, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, least: float, most: float) -> None:
    if header == "in an hour":
        header = format_datetime(datetime.now(UTC) + timedelta(seconds=3600), usegmt=True)
    attempts = Attempts(Retry(deadline=86_400), draw=lambda low, high: low)
    pause = attempts.pause_after(httpx.Response(503, headers={"retry-after": header}))
    assert pause is not None
    assert least <= pause <= most


def test_requests_that_this_client_got_wrong_are_not_repeated() -> None:
    assert Attempts(Retry()).pause_after(httpx.LocalProtocolError("bad header")) is None
