"""Pictures that are added and removed through the running service, and the oracle that follows."""

import random
from pathlib import Path

import httpx

from tests.soak.oracle import Oracle
from tests.soak.world import World


class ServedChanges:
    """Changes the world by `POST /images` and `DELETE /images/{id}`; notes what should not have been answered."""

    def __init__(self, url: str, world: World, oracle: Oracle) -> None:
        self._client = httpx.Client(base_url=url, timeout=60)
        self._world, self._oracle, self._rng = world, oracle, random.Random(world.seed)
        self.added = self.removed = 0
        self.errors: list[str] = []

    def some(self) -> None:
        """A few of both, as many as keep the folder as large as it is."""
        for _ in range(self._rng.randrange(1, 4)):
            self._add()
            self._remove()

    def _add(self) -> None:
        name, data = self._world.offer()
        answer = self._client.post("/images", files={"image": (Path(name).name, data)}, data={"path": name})
        if self._expect(answer, httpx.codes.CREATED, name):
            self._world.names.append(name)
            self.added += 1
        self._oracle.follow_pictures(self._world.folder)
        self._oracle.settle(self._oracle.newest)
        if not answer.is_error and answer.json()["images"][0]["id"] != self._oracle.ids()[name]:
            self.errors.append(f"{name} got id {answer.text} instead of {self._oracle.ids()[name]}")

    def _remove(self) -> None:
        name = self._rng.choice(self._world.names)
        answer = self._client.delete(f"/images/{self._oracle.ids()[name]}")
        if self._expect(answer, httpx.codes.NO_CONTENT, name):
            self._world.forget(name)
            self.removed += 1
        self._oracle.follow_pictures(self._world.folder)
        self._oracle.settle(self._oracle.newest)

    def _expect(self, answer: httpx.Response, status: int, name: str) -> bool:
        if answer.status_code != status:
            self.errors.append(f"{answer.status_code} instead of {status} for {name}: {answer.text[:300]}")
        return answer.status_code == status

    def close(self) -> None:
        """End the connection."""
        self._client.close()
