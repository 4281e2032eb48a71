"""Pictures, and places that hold them: a web server and an object store of this machine."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.conftest import free_port

COLOURS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (30, 70, 220), "white": (250, 250, 250)}
NAMES = {"a.png": "green", "b.png": "red", "sub/c.jpg": "blue", "sub/d é.png": "white"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures in path order, a text beside one of them, and things that are none."""
    pictures = tmp_path / "pictures"
    (pictures / "sub").mkdir(parents=True)
    for name, colour in NAMES.items():
        Image.new("RGB", (40, 30), COLOURS[colour]).save(pictures / name)
    (pictures / "b.txt").write_text("big sale\n50 %", "utf-8")
    (pictures / "readme.md").write_text("no picture")
    (pictures / ".hidden.png").write_bytes((pictures / "a.png").read_bytes())
    return pictures


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@contextmanager
def serving_folder(folder: Path) -> Iterator[str]:
    """A folder on a web server; gives its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def web(folder: Path) -> Iterator[str]:
    """The folder on a web server; gives its address."""
    with serving_folder(folder) as address:
        yield address


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """An S3 server of moto, in a process of its own; gives its address."""
    pytest.importorskip("moto", reason="moto is not installed")
    pytest.importorskip("s3fs", reason="s3fs is not installed")
    address = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    give_up = time.monotonic() + 120
    while True:
        try:
            httpx.get(address, timeout=5)
            break
        except httpx.TransportError:
            assert process.poll() is None, "the object store ended"
            assert time.monotonic() < give_up, "the object store does not answer"
            time.sleep(0.1)
    yield address
    process.terminate()
    process.wait(60)


S3 = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing-secret", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def s3(object_store: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The store's address, with everything set that fsspec looks for in the environment."""
    for name, value in {**S3, "AWS_ENDPOINT_URL": object_store}.items():
        monkeypatch.setenv(name, value)
    return object_store


def fill_bucket(bucket: str, folder: Path) -> None:
    """Put all files of a folder into a new bucket, by the store's plain HTTP: moto asks for no signature."""
    address = os.environ["AWS_ENDPOINT_URL"]
    with httpx.Client(
        headers={"Authorization": "AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/s3/aws4_request"}
    ) as client:
        assert client.put(f"{address}/{bucket}").is_success
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            put(client, f"{address}/{bucket}", file.relative_to(folder).as_posix(), file.read_bytes())


def put(client: httpx.Client, bucket: str, key: str, content: bytes) -> None:
    assert client.put(f"{bucket}/{key}", content=content).is_success
