"""`/v1/embeddings` as the official client of OpenAI asks it, and what else it may be sent."""

import io
from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from search_app.api.app import create_app
from search_app.api.guarding.guard import Guard
from search_app.api.guarding.keys import Scope
from search_app.api.guarding.rates import Rates
from search_app.api.schemas_openai import MAX_INPUTS, MAX_PICTURES
from search_app.index.memory.store import MemoryStore
from search_app.search.query import MAX_TEXT_LENGTH
from search_app.search.service import SearchService
from tests.api.conftest import Opened
from tests.api.test_keys import RING, SECRET
from tests.api.test_search import assert_problem
from tests.search.colours import COLOURS, SPEC, ColourEncoder, colour_vectors


def picture(colour: str, kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (20, 10), COLOURS[colour]).save(file, kind)
    return file.getvalue()


def data_url(colour: str, kind: str = "PNG") -> str:
    return f"data:image/{kind.lower()};base64,{b64encode(picture(colour, kind)).decode()}"


def asking(client: TestClient, key: str = "none") -> openai.OpenAI:
    """The official client, which reaches the service without a port."""

    def forward(request: httpx.Request) -> httpx.Response:
        given = client.request(request.method, str(request.url), content=request.read(), headers=dict(request.headers))
        return httpx.Response(given.status_code, headers=dict(given.headers), content=given.content)

    http = httpx.Client(transport=httpx.MockTransport(forward))
    return openai.OpenAI(base_url="http://testserver/v1", api_key=key, http_client=http, max_retries=0)


@pytest.fixture(scope="module")
def official(client: TestClient) -> Iterator[openai.OpenAI]:
    with asking(client) as made:
        yield made


def right(*names: str) -> Any:
    return colour_vectors([COLOURS[name] for name in names])


@pytest.mark.parametrize("form", ["float", "base64", None])
def test_texts_and_pictures_become_the_vectors_of_the_model(official: openai.OpenAI, form: Any) -> None:
    chosen = {} if form is None else {"encoding_format": form}
    answer = official.embeddings.create(model="colours", input=["red", data_url("blue"), "green"], **chosen)
    assert [one.index for one in answer.data] == [0, 1, 2]
    vectors = [
        np.frombuffer(b64decode(one.embedding), "<f4")
        if isinstance(one.embedding, str)
        else np.array(one.embedding, np.float32)
        for one in answer.data
    ]
    assert np.allclose(vectors, right("red", "blue", "green"), atol=0.02)
    assert np.array_equal(vectors[0], right("red")[0])
    assert (answer.object, answer.model, answer.usage.prompt_tokens, answer.usage.total_tokens) == (
        "list",
        "colours",
        2,
        2,
    )


def test_a_single_text_is_a_list_of_one(official: openai.OpenAI) -> None:
    answer = official.embeddings.create(model="colours", input="red", dimensions=SPEC.dim, user="ann")
    assert np.allclose([answer.data[0].embedding], right("red"))


def test_the_bytes_are_float32_the_lowest_first(client: TestClient) -> None:
    body = {"model": "colours", "input": "blue", "encoding_format": "base64"}
    [one] = client.post("/v1/embeddings", json=body).json()["data"]
    assert one["embedding"] == b64encode(right("blue")[0].astype("<f4").tobytes()).decode()


def test_what_begins_like_a_picture_can_be_sent_as_text_and_a_picture_without_a_prefix(client: TestClient) -> None:
    given = [{"text": data_url("red")[:60]}, {"image": b64encode(picture("red", "JPEG")).decode()}, {"text": "red"}]
    answer = client.post("/v1/embeddings", json={"model": "colours", "input": given})
    vectors = [one["embedding"] for one in answer.json()["data"]]
    assert np.allclose(vectors[1:], right("red", "red"), atol=0.05)
    assert not np.allclose(vectors[0], vectors[1], atol=0.05)


def test_many_texts_come_back_in_their_order(official: openai.OpenAI) -> None:
    names = [list(COLOURS)[number % len(COLOURS)] for number in range(100)]
    answer = official.embeddings.create(model="colours", input=names, encoding_format="float")
    assert np.allclose([one.embedding for one in answer.data], right(*names))


def test_the_models_are_listed(official: openai.OpenAI) -> None:
    assert [model.id for model in official.models.list()] == ["colours"]
    assert official.models.retrieve("colours").id == "colours"
    with pytest.raises(openai.NotFoundError) as raised:
        official.models.retrieve("ViT-B-32/openai")
    assert raised.value.code == "model_not_found"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"input": []}, "input"),
    ({"input": ["x"] * (MAX_INPUTS + 1)}, "input"),
    ({"input": ["red", " \n"]}, "input.1"),
    ({"input": ["x" * (MAX_TEXT_LENGTH + 1)]}, "input.0"),
    ({"input": [1, 2]}, "input"),
    ({"input": [data_url("red")] * (MAX_PICTURES + 1)}, "input"),
    ({"input": ["red", "data:image/png;base64,!"]}, "input.1"),
    ({"input": ["data:image/png,red"]}, "input.0"),
    ({"input": ["red", "data:image/png;base64," + b64encode(b"no picture").decode()]}, "input.1"),
    ({"input": [{"image": "x", "text": "y"}]}, "input"),
    ({"dimensions": 2}, "dimensions"),
    ({"encoding_format": "hex"}, "encoding_format"),
    ({"surprise": 1}, "surprise"),
    ({"model": None}, "model"),
]


@pytest.mark.parametrize(("change", "parameter"), WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_used_is_named_in_both_forms(client: TestClient, change: dict[str, Any], parameter: str) -> None:
    answer = client.post("/v1/embeddings", json={"model": "colours", "input": "red", **change})
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert told["parameter"].startswith(parameter)
    assert told["error"] == {
        "message": told["detail"],
        "type": "invalid_request_error",
        "param": told["parameter"],
    }


def test_errors_are_those_that_the_official_client_knows(official: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        official.embeddings.create(model="text-embedding-3-small", input="red")
    assert unknown.value.code == "model_not_found"
    assert "GET /v1/models" in unknown.value.message
    with pytest.raises(openai.UnprocessableEntityError) as wrong:
        official.embeddings.create(model="colours", input=[""])
    assert wrong.value.param == "input.0"


def test_keys_and_rates_hold_here_too(opened: Opened) -> None:
    guarded = opened(Guard(keys=RING, rates=Rates(2)))
    with asking(guarded) as stranger, pytest.raises(openai.AuthenticationError) as refused:
        stranger.embeddings.create(model="colours", input="red")
    assert refused.value.code == "invalid_api_key"
    reader = SECRET[Scope.READ]
    with asking(guarded, reader) as known:
        assert known.embeddings.create(model="colours", input="red").data
        assert [one.id for one in known.models.list()] == ["colours"]
        with pytest.raises(openai.RateLimitError):
            known.embeddings.create(model="colours", input="red")


def test_vectors_can_be_had_before_anything_is_indexed() -> None:
    service = SearchService(ColourEncoder(), MemoryStore("none").reader())
    with TestClient(create_app(lambda: service)) as client, asking(client) as official:
        assert official.embeddings.create(model="colours", input="red").data
        assert_problem(client.get("/search?query=red"), 503)
