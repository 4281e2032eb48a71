"""Questions to a server that fails: a clear answer in a bounded time, and all is well when the server is."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate

import pytest

from search_app.errors import IndexUnavailable
from search_app.index.deadline import allowance, waiting, within
from search_app.index.server.reader import ServerReader
from search_app.index.server.store import ServerStore
from tests.faults.conftest import STEADY, fill, reading
from tests.faults.proxy import Asked, faulty_proxy
from tests.index.points import ids_of, query


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("drop", "does not answer"),
        ("reset", "does not answer"),
        ("truncate", "does not answer"),
        ("hang", "does not answer .*timed out"),
        ("drip", "does not answer .*too slowly"),
        ("500", "does not answer .*500"),
        ("502", "does not answer .*502"),
        ("503", "does not answer .*503"),
        ("429:3600", "asks to be left alone for 3600 s"),
        ("garbage", "no answer of Qdrant's"),
        ("shorten", "no answer of Qdrant's"),
        ("null", "no answer of Qdrant's"),
        ("say:[]", "no answer of Qdrant's"),
    ],
)
def test_a_server_that_fails_is_told_in_a_sentence_and_found_again(
    filled: tuple[str, str], kind: str, says: str
) -> None:
    now = ["pass"]
    with reading(filled, lambda _: now[0]) as (proxy, reader):
        assert ids_of(reader.search([query(17, 1)])[0]) == [17]
        now[0] = kind
        reader._known_until = 0.0
        with pytest.raises(IndexUnavailable, match=says) as told:
            reader.search([query(17, 1)])
        assert proxy.url in str(told.value)
        assert "\n" not in str(told.value)
        assert len(str(told.value)) < 700
        assert reader.manifest_at_hand() is None
        now[0] = "pass"
        reader._known_until = 0.0
        assert ids_of(reader.search([query(17, 1)])[0]) == [17]


def test_while_one_looks_whether_the_server_is_back_the_others_do_not_wait(filled: tuple[str, str]) -> None:
    now, arrived = ["503"], threading.Event()

    def fault(_: Asked) -> str:
        if now[0] == "hang":
            arrived.set()
        return now[0]

    with reading(filled, fault) as (proxy, reader), ThreadPoolExecutor(1) as pool:
        with pytest.raises(IndexUnavailable):
            reader.manifest()
        now[0] = "hang"
        reader._known_until = 0.0
        looking = pool.submit(reader.manifest)
        assert arrived.wait(10)
        with pytest.raises(IndexUnavailable, match="503"):
            reader.search([query(17, 1)])
        assert not looking.done()
        proxy.closing.set()
        with pytest.raises(IndexUnavailable):
            looking.result()


def test_a_question_that_fails_after_a_good_look_up_spares_the_next_ones_the_wait(filled: tuple[str, str]) -> None:
    with reading(filled, lambda asked: "hang" if "query" in asked.path else "pass") as (proxy, reader):
        with pytest.raises(IndexUnavailable, match="timed out"):
            reader.search([query(17, 1)])
        so_far = proxy.done.total()
        reader._known_until = time.monotonic() + 60
        with pytest.raises(IndexUnavailable, match="timed out"):
            reader.search([query(17, 1)])
        assert proxy.done.total() == so_far


def ask_for_ever(reader: ServerReader) -> None:
    while True:
        reader.search([query(17, 1)])


def test_all_questions_of_one_answer_share_an_allowance(filled: tuple[str, str]) -> None:
    with reading(filled, lambda _: "slow:0.4") as (proxy, reader):
        with allowance(1.0), pytest.raises(IndexUnavailable, match="does not answer"):
            ask_for_ever(reader)
        assert proxy.done.total() < 8


def test_time_between_questions_is_not_of_the_allowance() -> None:
    with allowance(0.2):
        time.sleep(0.3)  # as encoding a picture may take
        with waiting(5.0), within(1.0):
            pass


@pytest.mark.parametrize("asked", ["1", "date"])
def test_a_load_comes_back_when_it_is_asked_to(server: str, name: str, asked: str) -> None:
    refused: list[int] = []

    def fault(request: Asked) -> str:
        if request.method == "PUT" and request.path.endswith("/points") and not refused:
            refused.append(request.number)
            return f"429:{formatdate(time.time() + 2, usegmt=True) if asked == 'date' else asked}"
        return "pass"

    with faulty_proxy(server, fault) as proxy:
        fill(ServerStore(proxy.url, name, waits=(STEADY, STEADY)))
    (number,) = refused
    waited = proxy.came[number + 1] - proxy.came[number]
    assert waited >= 1.0  # a date has no parts of a second
