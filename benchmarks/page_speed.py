"""How quick the search page is in a real browser: first paint, and from the last key to new pictures.

Needs Playwright and a Chromium, and a service that runs: `python -m benchmarks.page_speed http://localhost:8000`.
"""

import argparse
import shutil
import statistics
from typing import Any

from playwright.sync_api import sync_playwright

WORDS = ("red car", "coffee", "dog", "guitar", "cake", "perfume", "bicycle", "ice cream", "beer", "lamp")
"""Each is typed up to its last letter; measured is what that one takes."""
LOADS = 10
SETTLED_MS = 1_600
"""After the last but one letter: the page has answered it, and has asked who gave thumbs to that answer."""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
WATCH = """() => {
    const grid = document.getElementById("grid");
    let pressed = 0;
    window.took = [];
    document.getElementById("query").addEventListener("input", () => { pressed = performance.now(); }, true);
    new MutationObserver(() => {
        const since = pressed;
        pressed = 0;
        if (since) requestAnimationFrame(() => window.took.push(performance.now() - since));
    }).observe(grid, { childList: true });
}"""


def first_paints(page: Any, url: str) -> list[float]:
    """Milliseconds from the navigation to the first contentful paint, the browser's cache warm after the first."""
    found = []
    for _ in range(LOADS):
        page.goto(url)
        page.wait_for_function(PAINT)
        found.append(float(page.evaluate(PAINT)))
    return found


def last_keys(page: Any, url: str) -> list[float]:
    """Milliseconds from the last letter of each query to the frame in which its pictures stand in the grid."""
    page.goto(url)
    page.evaluate(WATCH)
    found: list[float] = []
    for words in WORDS:
        page.fill("#query", words[:-1])
        page.wait_for_timeout(SETTLED_MS)
        page.evaluate("window.took.length = 0")
        page.keyboard.type(words[-1])
        page.wait_for_timeout(SETTLED_MS)
        found += page.evaluate("window.took.slice(0, 1)")
    return found


def told(name: str, figures: list[float]) -> str:
    """One line of a report."""
    figures = sorted(figures)
    return (
        f"{name}: median {statistics.median(figures):.0f} ms, {figures[0]:.0f} to {figures[-1]:.0f}, n={len(figures)}"
    )


def main() -> None:
    """Measure the page of a running service and print two lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    url = parser.parse_args().url
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        print(told("first contentful paint", first_paints(page, url)))
        print(told("last key to new pictures", last_keys(page, url)))
        browser.close()


if __name__ == "__main__":
    main()
