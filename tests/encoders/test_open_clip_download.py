"""First use downloads the weights from the hub: tried against a hub on this machine that speaks its protocol."""

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from tests.conftest import ROOT, clean_environment
from tests.encoders.conftest import MakeCheckpoint

COMMIT = "0123456789" * 4
LOAD = """
import sys
from pathlib import Path
from typing import ClassVar
from search_app.encoders.open_clip_package import open_clip
from tests.encoders.conftest import register_tiny
register_tiny(Path(sys.argv[1]))
open_clip.pretrained._PRETRAINED["tiny-clip"] = {"published": open_clip.pretrained._pcfg(hf_hub="someone/tiny/")}
from search_app.encoders.open_clip import OpenClipEncoder
from search_app.errors import EncoderError
try:
    for _ in range(2):
        print(OpenClipEncoder.load("tiny-clip/published", device="cpu").spec.fingerprint)
except EncoderError as error:
    print(type(error).__name__, error)
"""


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as a download needs."""

    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []
    stated: ClassVar[str] = ""
    """The SHA-256 it tells of every file, where it is not the true one."""

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.asked.append(f"{self.command} {self.path}")
        content = self.files.get(self.path.rpartition("/")[2]) if "/resolve/" in self.path else b"{}"
        if "someone/tiny" not in self.path or content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{self.stated or hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def hub() -> Iterator[str]:
    Hub.files.clear()
    Hub.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def load(hub: str, tmp_path: Path) -> str:
    (tmp_path / "architectures").mkdir(exist_ok=True)
    variables = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path / "hf"), "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path / "architectures")],
        cwd=ROOT,
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_weights_are_downloaded_once(hub: str, tmp_path: Path, make_checkpoint: MakeCheckpoint):
    Hub.files["open_clip_model.safetensors"] = make_checkpoint("tiny-clip").read_bytes()
    first, second = load(hub, tmp_path).split()
    assert first == second
    assert len(first) == 32
    assert len([asked for asked in Hub.asked if asked.startswith("GET /someone/tiny/resolve/")]) == 1


def test_a_file_with_other_bytes_than_the_hub_states_is_refused_and_not_kept(
    hub: str, tmp_path: Path, make_checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch
):
    Hub.files["open_clip_model.safetensors"] = make_checkpoint("tiny-clip").read_bytes()
    monkeypatch.setattr(Hub, "stated", "0" * 64)
    message = load(hub, tmp_path)
    assert message.startswith("WeightsUnavailable the weights of tiny-clip/published are not on this machine")
    assert "and the hub states 000000000000..." in message
    kept = [path for path in (tmp_path / "hf" / "hub").rglob("*") if path.is_file()]
    assert all(path.stat().st_size < 1000 for path in kept), kept


def test_a_hub_without_the_file_is_reported(hub: str, tmp_path: Path):
    message = load(hub, tmp_path)
    assert message.startswith("WeightsUnavailable the weights of tiny-clip/published are not on this machine")
    assert "the download failed" in message
    assert "SEARCH_MODEL=lite" in message
