"""A service that adds and removes pictures is killed at random moments: what it acknowledged is never lost.

`python -m tests.adding.kills --count N --seed S` kills a real service N times with SIGKILL while several clients add
and remove pictures. After each start all that was acknowledged is looked at: every picture that was added is served
byte by byte under its id, every one that was removed is gone, and no id was given twice. Requests that nobody answered
are sent again and must end well. Now and then, and at the end, an index run over the folder must find nothing to do,
and the collection must hold what a fresh one does.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from search_app.index.edge.store import EdgeStore
from tests import warm
from tests.adding.world import Held, freshly_indexed, held_by, index, noise, png
from tests.conftest import free_port, started

CLIENTS = 3
LIMIT_S = 300.0
COMPARED_EVERY = 10


@dataclass
class Truth:
    """What the service said; several clients write into it."""

    there: dict[int, tuple[str, bytes]] = field(default_factory=dict)
    """Path and content by id."""
    gone: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)
    acknowledged: int = 0

    def added(self, number: int, path: str, content: bytes) -> None:
        with self.lock:
            assert number not in self.gone, f"id {number} was given a second time"
            assert number not in self.there or self.there[number][0] == path, f"id {number} is of two pictures"
            self.there[number] = (path, content)
            self.acknowledged += 1

    def removed(self, number: int) -> None:
        with self.lock:
            self.there.pop(number, None)
            self.gone.add(number)
            self.acknowledged += 1


@dataclass
class Client:
    """Adds and removes, one request after the other; `doubt` is the one that nobody answered."""

    number: int
    chance: random.Random
    truth: Truth
    doubt: tuple[str, bytes] | int | None = None
    made: int = 0
    failure: AssertionError | None = None

    def work(self, url: str) -> None:
        """Go on until the service is killed."""
        try:
            self._work(url)
        except AssertionError as error:
            self.failure = error

    def _work(self, url: str) -> None:
        with httpx.Client(base_url=url, timeout=LIMIT_S) as client:
            try:
                if self.doubt is None:
                    self.doubt = self._next()
                self.settle(client)
                while True:
                    self.doubt = self._next()
                    self.settle(client)
            except httpx.TransportError:
                return

    def _next(self) -> tuple[str, bytes] | int:
        with self.truth.lock:
            ours = [n for n, (path, _) in self.truth.there.items() if path.startswith(f"{self.number}/")]
        if ours and self.chance.random() < 0.3:
            return self.chance.choice(sorted(ours))
        self.made += 1
        return f"{self.number}/{self.made}.png", noise(self.number * 1_000_000 + self.made)

    def settle(self, client: httpx.Client) -> None:
        """Ask for what is in doubt until the service answers it."""
        match self.doubt:
            case int(number):
                answer = self._answered(client, "DELETE", f"/images/{number}")
                assert answer.status_code in {204, 404}, answer.text
                self.truth.removed(number)
            case (path, content):
                answer = self._answered(
                    client, "POST", "/images", files={"image": ("x.png", content)}, data={"path": path}
                )
                assert answer.status_code in {200, 201}, answer.text
                self.truth.added(answer.json()["images"][0]["id"], path, content)
        self.doubt = None

    def _answered(self, client: httpx.Client, method: str, path: str, **content: object) -> httpx.Response:
        while True:
            answer = client.request(method, path, **content)  # type: ignore[arg-type]
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer
            time.sleep(0.05)


class Attack:
    """One world that is attacked; `kill_once` as often as one likes, then `compare`."""

    def __init__(self, home: Path, seed: int) -> None:
        self.home = home
        self.chance = random.Random(seed)
        self.truth = Truth()
        self.clients = [Client(n, random.Random(f"{seed}/{n}"), self.truth) for n in range(CLIENTS)]
        self.folder = home / "pictures"
        self.folder.mkdir()
        (self.folder / "first.png").write_bytes(png("red"))
        self.store = EdgeStore(home / "storage", "images")
        index(self.folder, self.store)
        self.truth.added(1, "first.png", png("red"))

    def kill_once(self) -> None:
        """Start the service, look at what it has, let the clients work and kill it in the middle of that."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        env = {"SEARCH_MODEL": "stub", "SEARCH_INDEX_DIR": "storage", "SEARCH_WRITES": "on"}
        process = started("search_app", "serve", "--port", port, cwd=self.home, env=env, log=self.home / "log")
        try:
            with httpx.Client(base_url=url, timeout=LIMIT_S) as client:
                self._wait(client, process)
                self._look(client)
            threads = [threading.Thread(target=client.work, args=(url,)) for client in self.clients]
            for thread in threads:
                thread.start()
            before = self.truth.acknowledged
            give_up = time.monotonic() + LIMIT_S
            while self.truth.acknowledged < before + CLIENTS and any(t.is_alive() for t in threads):
                assert time.monotonic() < give_up, "nothing is acknowledged"
                time.sleep(0.01)
            time.sleep(self.chance.uniform(0.0, 1.5))
        finally:
            process.kill()
            process.wait()
        for thread, each in zip(threads, self.clients, strict=True):
            thread.join()
            if each.failure:
                raise each.failure

    def _wait(self, client: httpx.Client, process: warm.Process) -> None:
        give_up = time.monotonic() + LIMIT_S
        last = "nothing"
        while True:
            log = (self.home / "log").read_text()[-4000:]
            assert process.poll() is None, log
            assert time.monotonic() < give_up, f"the service is not ready, it answers {last}\n{log}"
            try:
                answer = client.get("/readyz")
                if answer.status_code == httpx.codes.OK:
                    return
                last = answer.text
            except httpx.TransportError as error:
                last = repr(error)
            time.sleep(0.02)

    def _look(self, client: httpx.Client) -> None:
        """All that was acknowledged is there, or gone; what is in doubt may be either."""
        for number, (path, content) in self.truth.there.items():
            if any(each.doubt == number for each in self.clients):
                continue
            answer = client.get(f"/images/{number}")
            assert answer.status_code == httpx.codes.OK, f"lost: {number} {path}: {answer.text}"
            assert answer.content == content, f"another content: {number} {path}"
        for number in list(self.truth.gone)[-50:]:
            assert client.get(f"/images/{number}").status_code == httpx.codes.NOT_FOUND, f"back again: {number}"
        doubts = sum(each.doubt is not None for each in self.clients)
        count = client.get("/info").json()["count"]
        assert abs(count - len(self.truth.there)) <= doubts, (count, len(self.truth.there))

    def compare(self) -> None:
        """An index run settles what is in doubt and changes no id; then folder, index and a fresh index are alike."""
        report = index(self.folder, self.store)
        doubts = sum(each.doubt is not None for each in self.clients)
        assert report.indexed + report.removed + report.renamed <= doubts, report
        for number, (path, content) in self.truth.there.items():
            if not any(each.doubt == number for each in self.clients):
                assert (self.folder / path).read_bytes() == content
        held = held_by(self.store)
        known = {n: path for n, (path, _) in self.truth.there.items() if not any(c.doubt == n for c in self.clients)}
        assert {n: held[n].picture.path for n in known} == known
        assert not held.keys() & self.truth.gone
        again = index(self.folder, self.store)
        assert (again.indexed, again.removed, again.renamed) == (0, 0, 0), again
        fresh = freshly_indexed(self.folder)
        assert _without_ids(held) == _without_ids(fresh)


def _without_ids(held: dict[int, Held]) -> dict[str, Held]:
    """By path. Which of several copies is the first is a matter of ids; there are none here."""
    return {one.picture.path: Held(replace(one.picture, copy_of=0), one.vector) for one in held.values()}


def attack(home: Path, count: int, seed: int) -> Truth:
    """Kill a service `count` times; raises `AssertionError` where something was lost."""
    world = Attack(home, seed)
    for done in range(1, count + 1):
        world.kill_once()
        sys.stderr.write(f"{done} ")
        if done % COMPARED_EVERY == 0 or done == count:
            world.compare()
            sys.stderr.write(f"{done} kills, {world.truth.acknowledged} acknowledged, none lost\n")
    return world.truth


def main() -> None:
    """The long form."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        truth = attack(Path(home), arguments.count, arguments.seed)
    seconds = time.monotonic() - began
    sys.stdout.write(
        f"{arguments.count} kills, seed {arguments.seed}: {truth.acknowledged} acknowledged changes, 0 lost; "
        f"{len(truth.there)} pictures, {len(truth.gone)} removed, {seconds:.0f} s\n"
    )


if __name__ == "__main__":
    main()
