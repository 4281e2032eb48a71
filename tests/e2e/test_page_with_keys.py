"""The pages of a service that asks for keys, in a real browser: a key is given once, and no script has it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from search_app.api.guarding.keys import Scope, new_key
from tests.conftest import Service, start_service
from tests.e2e.test_judging_round import CHROMIUM, QUIET

READING, READING_LINE = new_key("reader", Scope.READ)
LOADED = "[...document.querySelectorAll('.tile[data-id] img')].slice(0, 3).every(image => image.naturalWidth > 0)"


@pytest.fixture(scope="module")
def service(lite_sample: Path) -> Iterator[Service]:
    service = start_service(lite_sample, {"SEARCH_MODEL": "lite", "SEARCH_API_KEYS": READING_LINE})
    yield service
    told = service.stop()
    assert READING not in told


@pytest.fixture(scope="module")
def page(service: Service) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=QUIET, env={**os.environ})
        page = browser.new_context(base_url=service.url).new_page()
        page.set_default_timeout(20_000)
        yield page
        browser.close()


def until(page: Any, condition: str) -> None:
    """Wait until a condition holds. `wait_for_function` polls by `eval`, which the page's own policy forbids."""
    deadline = time.monotonic() + 20
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, f"not within 20 s: {condition}"
        page.wait_for_timeout(50)


def test_a_key_is_asked_for_given_once_kept_from_scripts_and_forgotten(page: Any) -> None:
    refused: list[str] = []
    page.on("pageerror", lambda error: refused.append(str(error)))
    page.on("console", lambda told: refused.append(told.text) if "Content Security Policy" in told.text else None)
    page.goto("/?q=car")
    page.wait_for_selector("#key")
    assert page.locator("#key").count() == 1
    assert page.locator("#key").get_attribute("type") == "password"
    page.fill("#key", "wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=This key is not known.")
    page.fill("#key", READING)
    page.keyboard.press("Enter")
    page.wait_for_selector(".tile[data-id]")
    until(page, LOADED)  # pictures are fetched by the browser itself
    assert page.locator("#key").count() == 0
    kept = page.evaluate(
        "document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage) + location.href"
    )
    assert READING not in kept
    page.goto("/")
    page.locator("#facts", has_text="pictures in").wait_for()
    page.click("text=Forget my key")
    page.wait_for_selector("#key")
    page.goto("/judge")
    page.wait_for_selector("#key")
    assert refused == []
