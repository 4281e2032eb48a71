"""The engine's process may die or hang: the service answers 503 with Retry-After, then works again."""

import os
import random
import signal
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from search_app.api.app import create_app
from search_app.encoders.stub import COLOURS, StubEncoder
from search_app.errors import IndexDamaged
from search_app.index.edge.process import EdgeProcess
from search_app.index.edge.reader import EdgeReader
from search_app.index.edge.store import EdgeStore
from search_app.index.fields import FORM
from search_app.search.service import SearchService
from search_app.words.bm25 import term_id
from tests.chaos.world import Folder, index
from tests.index.points import eventually

ANSWER_S = 4.0
QUESTION = {"query": "red", "limit": 3}


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection with words, which questions to the third channel need."""
    home = tmp_path_factory.mktemp("owner")
    (home / "pictures").mkdir()
    folder = Folder(home / "pictures", random.Random(5))
    for _ in range(6):
        folder.add()
    index(folder.path, StubEncoder(), EdgeStore(home / "storage", "images"), home / "words")
    return home / "storage"


@pytest.fixture
def reader(storage: Path) -> EdgeReader:
    return EdgeStore(storage, "images", answer_s=ANSWER_S).reader()


@pytest.fixture
def client(reader: EdgeReader) -> Iterator[TestClient]:
    """Of a service that closes the reader at its end."""
    with TestClient(create_app(lambda: SearchService(StubEncoder(), reader))) as client:
        yield client


def engine(reader: EdgeReader) -> EdgeProcess:
    assert reader._follower.serving is not None
    return reader._follower.serving.shard.process


def ask(client: TestClient, number: int = 0) -> httpx.Response:
    """Questions of other numbers are other questions: none is answered from memory."""
    return client.get("/search", params={"query": "red", "limit": 3, "min_score": -1 + number / 1000})


def check_refused(answer: httpx.Response) -> None:
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) > 0
    assert "again" in answer.json()["detail"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGBUS, signal.SIGABRT])
def test_a_question_on_its_way_when_the_engine_dies_is_refused_and_the_next_is_answered(
    client: TestClient, reader: EdgeReader, how: signal.Signals
) -> None:
    right = ask(client).json()
    process = engine(reader)
    os.kill(process.pid, signal.SIGSTOP)  # so that the question waits
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(ask(client, 1)))
    asking.start()
    eventually(lambda: bool(process._waiting))
    os.kill(process.pid, how)
    os.kill(process.pid, signal.SIGCONT)
    asking.join()
    check_refused(answers[0])
    assert how.name in answers[0].json()["detail"]
    assert client.get("/healthz").status_code == HTTPStatus.OK
    eventually(lambda: ask(client, 2).json() == right)
    assert client.get("/readyz").status_code == HTTPStatus.OK


def test_an_engine_that_hangs_is_ended_and_started_again(client: TestClient, reader: EdgeReader) -> None:
    right = ask(client).json()
    hung = engine(reader).pid
    os.kill(hung, signal.SIGSTOP)
    check_refused(ask(client, 1))
    eventually(lambda: ask(client, 2).json() == right)
    assert engine(reader).pid != hung


def test_a_panic_costs_its_own_question(client: TestClient, reader: EdgeReader) -> None:
    """What the engine panics of never gets past our checks, so it is sent behind them."""
    terms = np.array([term_id(one) for one in COLOURS], np.uint32)
    malformed = (terms.tobytes(), np.array([1.0], np.float32).tobytes())
    process = engine(reader)
    with pytest.raises(IndexDamaged, match="Panic"):
        process.call("nearest", [(FORM, malformed, 3, (0, 0), True, None, ())], timeout=ANSWER_S)
    assert ask(client).status_code == HTTPStatus.OK
    assert engine(reader) is process
