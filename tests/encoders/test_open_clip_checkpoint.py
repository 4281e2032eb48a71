"""Names must lead to the right weights, and wrong ones to a sentence that says what to do."""

import hashlib
import os
import sys
from pathlib import Path

import pytest
from safetensors.torch import save_file

from search_app.encoders.open_clip import OpenClipEncoder
from search_app.encoders.open_clip_checkpoint import find_checkpoint
from search_app.encoders.open_clip_model import build_model, uses_quick_gelu
from search_app.encoders.open_clip_package import open_clip, torch
from search_app.errors import EncoderError, MissingDependency, UnknownModel, WeightsUnavailable
from tests.encoders.conftest import MakeCheckpoint, random_model

NOWHERE = "http://127.0.0.1:9"  # the discard port: refused at once


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", NOWHERE)
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


def publish(monkeypatch: pytest.MonkeyPatch, architecture: str, tag: str, **config: object) -> None:
    entry = open_clip.pretrained._pcfg(hf_hub="someone/tiny/", **config)
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, architecture, {tag: entry})


def cache(tmp_path: Path, repository: str) -> Path:
    """Where huggingface_hub would have put the weights of a repository."""
    folder = tmp_path / "hf" / "hub" / f"models--{repository.replace('/', '--')}"
    (folder / "snapshots" / "0123").mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0123")
    return folder / "snapshots" / "0123" / "open_clip_model.safetensors"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ViT-B32/openai", r"no architecture 'ViT-B32' \(close: ViT-B-32.*ARCH/TAG"),
        ("VitB", "no architecture 'VitB'"),
        ("ViT-B-32/opnai", r"no weights called 'opnai' \(close: openai.*one of openai, "),
        ("ViT-B-32", "to be followed by its weights: write ViT-B-32/TAG with one of openai"),
        ("ViT-B-32/", "to be followed by its weights"),
        ("ViT-M-32/x", "one of no published tags, or ViT-M-32/path/to/checkpoint"),
    ],
)
def test_unknown_names_are_answered_with_close_ones(name: str, message: str):
    with pytest.raises(UnknownModel, match=message):
        OpenClipEncoder.load(name)


def test_a_missing_checkpoint_is_named_with_its_full_path(tmp_path: Path):
    with pytest.raises(WeightsUnavailable, match=f"there is no file {tmp_path}/models/mine.pt"):
        OpenClipEncoder.load("ViT-B-32/models/mine.pt")


def test_without_a_hub_a_sentence_says_what_to_do():
    with pytest.raises(WeightsUnavailable) as caught:
        OpenClipEncoder.load("ViT-B-32/openai")
    message = str(caught.value)
    assert "the weights of ViT-B-32/openai are not on this machine" in message
    assert "Connection refused" in message
    assert "timm/vit_base_patch32_clip_224.openai" in message
    # Under the plain architecture the same file would be computed with the wrong activation.
    assert "SEARCH_MODEL=ViT-B-32-quickgelu/path/to/open_clip_model.safetensors" in message
    assert "HF_ENDPOINT" in message
    assert "SEARCH_MODEL=lite" in message


def test_the_hubs_cache_is_used_without_asking_the_hub(
    make_checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    publish(monkeypatch, "tiny-clip", "published")
    file = make_checkpoint("tiny-clip").rename(cache(tmp_path, "someone/tiny"))
    assert find_checkpoint("tiny-clip/published").file == file
    assert OpenClipEncoder.load("tiny-clip/published", device="cpu").spec.name == "tiny-clip/published"


def test_a_published_tag_wins_over_a_file_of_the_same_name(
    make_checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    publish(monkeypatch, "tiny-clip", "published")
    make_checkpoint("tiny-clip").rename(tmp_path / "published")
    with pytest.raises(WeightsUnavailable, match="someone/tiny"):
        find_checkpoint("tiny-clip/published")


def test_a_relative_path_is_taken_from_the_working_folder(make_checkpoint: MakeCheckpoint, tmp_path: Path):
    (tmp_path / "models").mkdir()
    file = make_checkpoint("tiny-clip").rename(tmp_path / "models" / "mine.safetensors")
    assert find_checkpoint("tiny-clip/models/mine.safetensors").file == file
    assert find_checkpoint(f"tiny-clip/{file}").file == file
    assert find_checkpoint("tiny-clip/~/models/mine.safetensors").file == file


@pytest.mark.parametrize("wanted", [True, False])
def test_published_weights_get_the_activation_they_were_trained_with(
    wanted: bool, make_checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    publish(monkeypatch, "tiny-clip", "published", quick_gelu=wanted)
    make_checkpoint("tiny-clip").rename(cache(tmp_path, "someone/tiny"))
    assert uses_quick_gelu(build_model(find_checkpoint("tiny-clip/published"))) is wanted


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("ViT-B-32/openai", True),
        ("ViT-B-32/laion2b_s34b_b79k", False),
        ("ViT-B-16/dfn2b", True),
        ("RN50/openai", True),
        ("ViT-B-16-SigLIP/webli", False),
    ],
)
def test_which_published_weights_need_quick_gelu(name: str, wanted: bool, tmp_path: Path):
    repository = open_clip.get_pretrained_cfg(*name.split("/"))["hf_hub"].rstrip("/")
    cache(tmp_path, repository).write_bytes(b"")
    assert find_checkpoint(name).quick_gelu is wanted


def test_a_local_checkpoint_follows_the_name_of_its_architecture(make_checkpoint: MakeCheckpoint):
    file = make_checkpoint("tiny-clip")
    assert not uses_quick_gelu(build_model(find_checkpoint(f"tiny-clip/{file}")))
    assert uses_quick_gelu(build_model(find_checkpoint(f"tiny-clip-quickgelu/{file}")))


class Bomb:
    """A pickle of it runs a command where it is opened."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.trace}",)


@pytest.mark.parametrize("suffix", [".pt", ".bin", ".pth"])
def test_a_checkpoint_that_holds_code_is_refused_and_not_run(suffix: str, tmp_path: Path):
    torch.save({"state_dict": {"visual.proj": Bomb(tmp_path / "ran")}}, tmp_path / f"bomb{suffix}")
    with pytest.raises(EncoderError, match=rf"bomb{suffix} is refused: .*save the state dict alone"):
        OpenClipEncoder.load(f"tiny-clip/{tmp_path}/bomb{suffix}")
    assert not (tmp_path / "ran").exists()


def damaged(tmp_path: Path, content: bytes, name: str) -> Path:
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors", "a.bin"])
@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"PK\x03\x04 cut short"])
def test_a_damaged_checkpoint_is_named(name: str, content: bytes, tmp_path: Path):
    with pytest.raises(EncoderError, match=name):
        OpenClipEncoder.load(f"tiny-clip/{damaged(tmp_path, content, name)}")


def test_a_truncated_checkpoint_is_named(make_checkpoint: MakeCheckpoint, tmp_path: Path):
    for suffix in (".pt", ".safetensors"):
        whole = make_checkpoint("tiny-clip", suffix=suffix).read_bytes()
        file = damaged(tmp_path, whole[: len(whole) // 2], f"half{suffix}")
        with pytest.raises(EncoderError, match=f"half{suffix}"):
            OpenClipEncoder.load(f"tiny-clip/{file}")


@pytest.mark.parametrize("content", [{}, [1, 2], {"weights": torch.zeros(3)}, {"state_dict": {}}])
def test_a_file_of_something_else_is_named(content: object, tmp_path: Path):
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(EncoderError, match=r"other\.pt does not hold the weights of tiny-clip: \w+"):
        OpenClipEncoder.load(f"tiny-clip/{tmp_path}/other.pt")


def test_weights_of_another_architecture_are_refused(make_checkpoint: MakeCheckpoint):
    file = make_checkpoint("tiny-clip")
    with pytest.raises(EncoderError, match=r"does not hold the weights of tiny-wide: RuntimeError.*size mismatch"):
        OpenClipEncoder.load(f"tiny-wide/{file}")


class Archive(torch.nn.Module):
    """Any module whose parameters carry the names of a model's."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        super().__init__()
        for name, value in state.items():
            *folders, leaf = name.split(".")
            place: torch.nn.Module = self
            for folder in folders:
                if not hasattr(place, folder):
                    place.add_module(folder, torch.nn.Module())
                place = getattr(place, folder)
            place.register_parameter(leaf, torch.nn.Parameter(value, requires_grad=False))

    def forward(self, scale: torch.Tensor) -> torch.Tensor:
        return scale * self.logit_scale


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Weights in the form in which OpenAI publishes them."""
    (tmp_path / ".cache" / "clip").mkdir(parents=True)
    path = tmp_path / ".cache" / "clip" / "tiny.pt"
    torch.jit.save(torch.jit.trace(Archive(random_model("tiny-clip").state_dict()), torch.ones(())), path)
    return path


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
def test_openais_own_archive_is_known_by_its_hash(archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    with pytest.raises(EncoderError, match=r"tiny\.pt"):  # TorchScript can hold code: not from strangers
        OpenClipEncoder.load(f"tiny-clip/{archive}")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    address = f"https://openaipublic.invalid/clip/models/{digest}/tiny.pt"
    publish(monkeypatch, "tiny-clip", "openai", url=address, quick_gelu=True)
    encoder = OpenClipEncoder.load("tiny-clip/openai", device="cpu")  # found in ~/.cache/clip
    save_file(random_model("tiny-clip").state_dict(), tmp_path / "same.safetensors")
    same = OpenClipEncoder.load(f"tiny-clip-quickgelu/{tmp_path}/same.safetensors", device="cpu")
    assert encoder.spec.fingerprint == same.spec.fingerprint
    assert uses_quick_gelu(encoder._model)


def test_a_tokenizer_from_the_hub_needs_a_package(make_checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    file = make_checkpoint("tiny-hub-tokenizer")
    with pytest.raises(MissingDependency, match=r"tokenizer nobody/nothing.*pip install transformers sentencepiece"):
        OpenClipEncoder.load(f"tiny-hub-tokenizer/{file}")
