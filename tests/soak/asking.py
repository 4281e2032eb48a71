"""Asks a running service and compares what it answers with the oracle."""

import queue
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from tests.soak.oracle import Oracle
from tests.soak.questions import Question, difference, draw

SHOWN = 20
REFUSED: tuple[tuple[str, dict[str, Any], int], ...] = (
    ("POST", {"json": {"query": ""}}, 422),
    ("POST", {"json": {"query": "red", "limit": 0}}, 422),
    ("POST", {"json": {"query": "red", "like": [10**12]}}, 404),
    ("GET", {"params": {"query": "red", "offset": -1}}, 422),
)
"""Errors that are asked for, and the status each must have."""


@dataclass
class Findings:
    """What was asked, and what went wrong."""

    answers: int = 0
    compared: int = 0
    refused: int = 0
    without_words: int = 0
    """Refusals to search printed words alone, between the two halves of a rebuild."""
    unknown: int = 0
    """Answers of generations that the oracle does not have: commits made in the middle of a run."""
    kinds: Counter[str] = field(default_factory=Counter)
    generations: set[int] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    took: list[tuple[float, float]] = field(default_factory=list)
    """When, in seconds from the start, and how long in milliseconds."""


class Asking:
    """Two threads: one asks at a steady rate, one checks what was answered."""

    def __init__(self, url: str, oracle: Oracle, steady: list[int], seed: int, per_second: float) -> None:
        self.found = Findings()
        self._url, self._oracle, self._steady, self._per_second = url, oracle, steady, per_second
        self._rng = random.Random(seed)
        self._began = time.monotonic()
        self._stop = threading.Event()
        self._answered: queue.Queue[tuple[Question, dict[str, Any]] | None] = queue.Queue()
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._ask, self._check)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop asking; everything that was answered is checked before this returns."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not self._stop.wait(self._rng.expovariate(self._per_second)):
                try:
                    self._ask_one(client)
                except (httpx.HTTPError, ValueError) as error:
                    self._note(self.found.errors, f"{type(error).__name__}: {error}")
        self._answered.put(None)

    def _ask_one(self, client: httpx.Client) -> None:
        if self._rng.random() < 0.05:
            method, options, status = self._rng.choice(REFUSED)
            answer = client.request(method, "/search", **options)
            self.found.refused += 1
            self._expect(answer, status, str(options))
            return
        if self._rng.random() < 0.1:
            path = self._rng.choice(("", "/thumbnail", "/similar"))
            self._expect(client.get(f"/images/{self._rng.choice(self._steady)}{path}"), 200, path or "/images")
            return
        question = draw(self._rng, self._steady)
        started = time.monotonic()
        answer = client.post("/search", json=question.body)
        self.found.took.append((started - self._began, 1000 * (time.monotonic() - started)))
        if answer.status_code == 422 and question.body.get("words") == "only" and self._oracle.lacks_words():
            self.found.without_words += 1  # as documented: a rebuilt index has its words some time after its pictures
            return
        if self._expect(answer, 200, str(question)):
            self._answered.put((question, answer.json()))

    def _expect(self, answer: httpx.Response, status: int, asked: str) -> bool:
        self.found.answers += 1
        if answer.status_code != status:
            self._note(
                self.found.errors, f"{answer.status_code} instead of {status}: {answer.text[:300]} ({asked[:200]})"
            )
        return answer.status_code == status

    def _check(self) -> None:
        while (item := self._answered.get()) is not None:
            question, answer = item
            generation = answer["generation"]
            self._await(generation)
            if generation not in self._oracle.generations:
                self.found.unknown += 1
                continue
            wrong = difference(answer, self._oracle.answer(generation, question.query()))
            self.found.compared += 1
            self.found.kinds[question.kind] += 1
            self.found.generations.add(generation)
            if wrong:
                told = {name: value for name, value in question.body.items() if name != "image"}
                self._note(self.found.different, f"generation {generation}, {question.kind} {told}: {wrong}")

    def _await(self, generation: int) -> None:
        """The oracle follows what the product did."""
        while generation > self._oracle.settled and not self._stop.wait(0.05):
            pass

    @staticmethod
    def _note(notes: list[str], text: str) -> None:
        notes.append(text) if len(notes) < SHOWN else notes.append("")
