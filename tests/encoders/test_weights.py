"""The question quickstart asks before anything is installed: can the weights be had?"""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from search_app.encoders import weights
from search_app.encoders.catalogue import KNOWN_MODELS
from search_app.encoders.open_clip_package import open_clip
from tests.conftest import ROOT

DEFAULT = "ViT-B-32/openai"
REPOSITORY = "timm/vit_base_patch32_clip_224.openai"


class Hub(BaseHTTPRequestHandler):
    """Has one repository, and sends on who asks for its front page."""

    def do_HEAD(self) -> None:
        codes = {f"/api/models/{REPOSITORY}": 200, "": 302, "/": 302}
        self.send_response(codes.get(self.path, 404))
        self.send_header("Location", "http://127.0.0.1:9/")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _empty_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)


def ask(model: str = DEFAULT) -> tuple[int, str]:
    """As quickstart.sh does: no installed package is in reach, only the standard library."""
    command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); " + RUN, model]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


RUN = "import runpy; runpy.run_module('search_app.encoders.weights', run_name='__main__', alter_sys=True)"


def put_in_cache(folder: Path, file: str = "open_clip_model.safetensors") -> Path:
    repository = folder / f"models--{REPOSITORY.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("abc")
    (repository / "snapshots" / "abc").mkdir(parents=True)
    path = repository / "snapshots" / "abc" / file
    path.write_bytes(b"weights")
    return path


def test_without_cache_and_hub_the_answer_is_no_with_the_reason():
    status, sentence = ask()
    assert status == 1
    reason = "http://127.0.0.1:9 cannot be used (Connection refused)"
    assert sentence == f"The weights of {DEFAULT} are not on this machine, and {reason}.\n"


@pytest.mark.parametrize("file", weights.HUB_FILES)
@pytest.mark.parametrize(
    ("variable", "value", "folder"),
    [
        ("UNSET", "", ".cache/huggingface/hub"),
        ("XDG_CACHE_HOME", "~/xdg", "xdg/huggingface/hub"),
        ("HF_HOME", "~/elsewhere", "elsewhere/hub"),
        ("HUGGINGFACE_HUB_CACHE", "$HOME/older", "older"),
        ("HF_HUB_CACHE", "~/newer", "newer"),
    ],
)
def test_the_hubs_cache_is_found_where_its_variables_say(
    variable: str, value: str, folder: str, file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv(variable, value)
    path = put_in_cache(tmp_path / folder, file)
    location = weights.locate(DEFAULT)
    assert location.obtainable
    assert str(path) in location.explanation


def test_a_cached_file_is_enough_for_the_command(tmp_path: Path):
    put_in_cache(tmp_path / ".cache" / "huggingface" / "hub")
    assert ask()[0] == 0


def test_an_unfinished_download_does_not_count(tmp_path: Path):
    path = put_in_cache(tmp_path / ".cache" / "huggingface" / "hub")
    path.unlink()
    path.symlink_to(tmp_path / "blob that is still .incomplete")
    assert not weights.locate(DEFAULT).obtainable


def test_the_file_of_openais_own_package_is_found(tmp_path: Path):
    (tmp_path / ".cache" / "clip").mkdir(parents=True)
    (tmp_path / ".cache" / "clip" / "ViT-B-32.pt").write_bytes(b"weights")
    assert "clip/ViT-B-32.pt" in weights.locate(DEFAULT).explanation


def test_a_hub_that_answers_is_enough(hub: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", hub + "/")
    status, sentence = ask()
    assert status == 0
    assert f"{hub} answers: they are downloaded on first use" in sentence
    assert weights.locate("ViT-Z-1/unheard-of").obtainable  # the front page's redirect is an answer


def test_a_hub_that_lacks_the_model_is_not(hub: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", hub)
    location = weights.locate("ViT-L-14/openai")
    assert not location.obtainable
    assert "it answers 404" in location.explanation


def test_a_hub_that_must_not_be_asked_is_not(hub: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", hub)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE forbids" in weights.locate(DEFAULT).explanation


def test_a_hub_that_takes_the_call_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        location = weights.locate(DEFAULT)
    assert not location.obtainable
    assert any(words in location.explanation for words in ("no answer in 3 seconds", "timed out"))


@pytest.mark.parametrize(
    "address", ["http://hub.invalid", "HTTP://192.0.2.7:80", "ftp://hub.invalid", "http://127.0.0.1.invalid"]
)
def test_a_hub_without_tls_is_not_asked(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", address)
    assert weights.hub_refusal() == f"{address} cannot be used (weights come over https alone, or from this machine)"
    assert not weights.locate(DEFAULT).obtainable


@pytest.mark.parametrize("address", ["nonsense", "http://[", "ftp://127.0.0.1:9", "http://no-such-host.invalid"])
def test_a_wrong_address_of_the_hub_is_reported(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HF_ENDPOINT", address)
    location = weights.locate(DEFAULT)
    assert not location.obtainable
    assert address in location.explanation


def test_a_local_checkpoint_needs_no_hub(tmp_path: Path):
    (tmp_path / "mine.pt").write_bytes(b"weights")
    assert weights.locate("ViT-B-32/mine.pt").obtainable
    assert weights.locate("ViT-B-32/~/mine.pt").obtainable
    assert not weights.locate("ViT-B-32/other.pt").obtainable
    assert weights.locate("lite").obtainable


def test_wrong_use_is_two():
    assert weights.main([]) == 2


def test_the_catalogue_names_what_open_clip_has():
    for model in KNOWN_MODELS:
        assert open_clip.get_pretrained_cfg(*model.name.split("/"))["hf_hub"] == f"{model.repository}/", model.name
        assert 0 < model.coco_recall < (model.flickr_recall or 1)
        assert 0.5 < model.imagenet < 1
    assert KNOWN_MODELS[0].name == weights.DEFAULT_MODEL
    assert len({model.name for model in KNOWN_MODELS}) == len(KNOWN_MODELS)
    assert open_clip.get_pretrained_url("ViT-B-32", "openai").endswith("/" + weights.OPENAI_FILES[DEFAULT])
