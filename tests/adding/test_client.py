"""Adding and removing with both Python clients."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from search_app.client import ClientError, ProblemError
from search_app.index.memory.store import MemoryStore
from tests.adding.world import adding_app, index, noise, png
from tests.client.conftest import open_client
from tests.client.served import Reply, answering, serving

__all__ = ["open_client"]


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "red.png").write_bytes(png("red"))
    store = MemoryStore("images")
    index(folder, store)
    with serving(adding_app(store)) as url:
        yield url


def test_add_and_delete(open_client: Callable[..., Any], url: str, tmp_path: Path) -> None:
    client = open_client(url)
    (tmp_path / "blue.png").write_bytes(png("blue"))
    added = client.add_image(tmp_path / "blue.png", meta={"brand": "Acme"})
    assert (added.id, added.path, added.created) == (2, "blue.png", True)
    assert client.image(2) == png("blue")
    assert [hit.id for hit in client.search("blue", filter={"meta.brand": "Acme"}).hits] == [2]
    assert client.add_image(png("blue"), "blue.png").created is False
    many = client.add_images({f"many/{number}.png": noise(number) for number in range(17)})
    assert [one.id for one in many] == list(range(3, 20))
    assert client.delete_image(2) is True
    assert client.delete_image(2) is False
    with pytest.raises(ProblemError) as refused:
        client.add_image(b"no picture", "x.png")
    assert (refused.value.status, refused.value.parameter) == (422, "image.0")
    with pytest.raises(ClientError, match="needs a path"):
        client.add_image(png("blue"))


def test_a_busy_service_is_asked_again(open_client: Callable[..., Any]) -> None:
    busy = Reply(503, "{}", {"retry-after": "0"})
    body = '{"images": [{"id": 9, "path": "x.png", "created": true, "url": "/images/9", "thumbnail_url": ""}]}'
    with answering(busy, Reply(201, body)) as peer:
        assert open_client(peer.url).add_image(png("blue"), "x.png").id == 9
        assert [(method, path) for method, path, _ in peer.asked] == [("POST", "/images")] * 2
