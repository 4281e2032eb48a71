"""Requests made from the OpenAPI document, right ones and wrong ones, by Schemathesis; the short form of

schemathesis run URL/openapi.json --phases coverage,fuzzing --max-examples 3000 --checks CHECKS
"""

import subprocess
import sys
from importlib.util import find_spec

import httpx
import pytest

from tests.conftest import Service

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
)
"""All that apply but one: what the document allows may still be refused for its sense, as an empty query is."""
EXAMPLES = 4


@pytest.mark.skipif(find_spec("schemathesis") is None, reason="Schemathesis is not installed")
def test_no_request_brings_a_500_or_an_answer_that_is_not_documented(lite_service: Service) -> None:
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{lite_service.url}/openapi.json"]
    options = [
        "--phases",
        "coverage,fuzzing",
        "--max-examples",
        str(EXAMPLES),
        "--seed",
        "1",
        "--request-timeout",
        "60",
    ]
    done = subprocess.run(
        [*command, *options, "--checks", ",".join(CHECKS), "--continue-on-failure", "--warnings", "off", "--no-color"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "No issues found" in done.stdout


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
