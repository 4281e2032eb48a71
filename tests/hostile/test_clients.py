"""Requests made from the OpenAPI document, right ones and wrong ones, by Schemathesis; the short form of

python -m tests.hostile.clients --count 100000 --seed 1
"""

from importlib.util import find_spec

import httpx
import pytest

from tests.conftest import Service
from tests.hostile.clients import attack

EXAMPLES = 4
needs_schemathesis = pytest.mark.skipif(find_spec("schemathesis") is None, reason="Schemathesis is not installed")


@needs_schemathesis
def test_no_request_brings_a_500_or_an_answer_that_is_not_documented(lite_service: Service) -> None:
    attacked = attack(lite_service, examples=EXAMPLES, seed=1, limit=240)
    assert attacked.status == 0, attacked.told[-6000:]
    assert "No issues found" in attacked.told
    assert attacked.cases > 500


@needs_schemathesis
def test_what_a_form_cannot_tell_is_left_out_and_nothing_else() -> None:
    from tests.hostile.form_hooks import has_right_files

    for texts in ({}, {"path": [0]}, {"path": "", "meta": [[]]}):
        assert has_right_files({"image": [b"bytes"], **texts}), texts
    for body in ({"path": ""}, {"image": []}, {"image": [0]}, {"image": "text"}, {}, "text", [0], None):
        assert not has_right_files(body), body


def test_a_path_tells_all_its_methods(lite_service: Service) -> None:
    """By the router alone it would tell those of its first route."""
    for path in ("/search", "/search/", "/judgements", "/images/1/explain"):
        answer = lite_service.client.options(path)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST"), path
    assert lite_service.client.delete("/healthz").headers["allow"].startswith("GET")


def test_an_empty_field_of_options_is_no_options(lite_service: Service) -> None:
    picture = {"image": ("a.png", b"not a picture")}
    answer = lite_service.client.post("/search", files=picture, data={"options": ""})
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert answer.json()["parameter"] == "image"
