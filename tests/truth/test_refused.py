"""A model that is not the one it was is refused when it is opened, whatever kind it is and however it changed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from search_app.encoders.adapted import AdaptedEncoder
from search_app.encoders.adapter_head import MANIFEST, AdapterHead, describe
from search_app.encoders.base import Encoder
from search_app.encoders.lite import MODEL_FOLDER, LiteEncoder
from search_app.encoders.onnx_clip import OnnxClipEncoder
from search_app.encoders.onnx_manifest import IMAGE_TOWER, TEXT_TOWER, TOKENIZER
from search_app.encoders.stub import StubEncoder
from search_app.errors import EncoderError, ModelMismatch
from search_app.index.manifest import check_model, fresh_manifest
from tests.truth.made_model import make_model


def change_a_byte(path: Path, other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def swap(path: Path, other: Path) -> None:
    path.write_bytes(other.read_bytes())


def remove(path: Path, other: Path) -> None:
    path.unlink()


attacked = pytest.mark.parametrize("attack", [change_a_byte, cut, empty, swap, remove])
Attack = Callable[[Path, Path], None]


@attacked
@pytest.mark.parametrize("name", ["image_tower.onnx", "text_head.onnx", "tokenizer.json"])
def test_lite(tmp_path: Path, name: str, attack: Attack) -> None:
    folder = tmp_path / "lite"
    folder.mkdir()
    for path in MODEL_FOLDER.iterdir():
        (folder / path.name).symlink_to(path)
    (folder / name).unlink()
    shutil.copyfile(MODEL_FOLDER / name, folder / name)
    attack(folder / name, MODEL_FOLDER / "training.json")
    with pytest.raises(EncoderError, match=name):
        LiteEncoder(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"dim": "x", "sha256": {}}', "\x00"])
def test_the_manifest_of_lite(tmp_path: Path, content: str) -> None:
    folder = shutil.copytree(MODEL_FOLDER, tmp_path / "lite", ignore=shutil.ignore_patterns("*.onnx"))
    (folder / "manifest.json").write_text(content)
    with pytest.raises(EncoderError, match=r"manifest\.json is damaged"):
        LiteEncoder(folder)


@attacked
@pytest.mark.parametrize("name", [IMAGE_TOWER, TEXT_TOWER, TOKENIZER, "manifest.json"])
def test_an_export(tmp_path: Path, name: str, attack: Attack) -> None:
    model = make_model(tmp_path / "model")
    make_model(tmp_path / "other", seed=1)
    attack(tmp_path / "model" / name, tmp_path / "other" / name)
    same_tokenizer = (attack, name) == (swap, TOKENIZER)  # both models have the same one
    if not same_tokenizer:
        with pytest.raises(EncoderError, match=r"export the model again"):
            OnnxClipEncoder.load(model)


def test_an_export_whose_files_are_no_model_although_their_sums_are_right(tmp_path: Path) -> None:
    from search_app.encoders.onnx_manifest import read_onnx_manifest
    from tests.truth.made_model import seal

    model = make_model(tmp_path / "model")
    manifest = read_onnx_manifest(tmp_path / "model")
    (tmp_path / "model" / TEXT_TOWER).write_bytes(b"no model at all")
    seal(tmp_path / "model", manifest)
    with pytest.raises(EncoderError, match="cannot be loaded: its file is damaged"):
        OnnxClipEncoder.load(model)


def test_what_the_runtime_raises_is_an_error_of_the_model(tmp_path: Path) -> None:
    encoder = OnnxClipEncoder.load(make_model(tmp_path / "model"))
    with pytest.raises(EncoderError, match="cannot be run"):
        encoder.encode_images(np.zeros((1, 3, 3, 3), np.uint8))


def adapted(tmp_path: Path) -> Path:
    folder = tmp_path / "adapted"
    folder.mkdir()
    red, blue = StubEncoder().encode_texts(["red", "blue"])
    head = AdapterHead(red[None], (2 * blue - red)[None], 40.0)
    manifest = describe(head, "stub", "stub-1")
    (folder / manifest.arrays).write_bytes(head.to_bytes())
    (folder / MANIFEST).write_text(json.dumps(manifest.to_json()))
    return folder


def open_stub(_name: str) -> Encoder:
    return StubEncoder()


@attacked
@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_an_adapted_model(tmp_path: Path, suffix: str, attack: Attack) -> None:
    folder = adapted(tmp_path)
    before = AdaptedEncoder.load(folder, open_stub).spec.fingerprint
    other = tmp_path / "other"
    other.write_text("{}")
    (path,) = folder.glob(f"*{suffix}")
    attack(path, other)
    try:
        after = AdaptedEncoder.load(folder, open_stub).spec
    except EncoderError:
        return
    # A byte of the manifest may be one of a name or a number: then it is another model, which the index refuses.
    assert (attack, suffix) == (change_a_byte, ".json")
    assert after.fingerprint != before


def test_a_checkpoint_with_one_other_byte_is_another_model(tmp_path: Path) -> None:
    """Nobody states the hash of one's own checkpoint: the index that was made with it does."""
    pytest.importorskip("torch", reason="lite needs none: pip install -r requirements.txt")
    from safetensors.torch import save_file

    from search_app.encoders.open_clip import OpenClipEncoder
    from tests.encoders.conftest import random_model, register_tiny

    register_tiny(tmp_path)
    path = tmp_path / "own.safetensors"
    save_file(random_model("tiny-clip").state_dict(), path)
    name = f"tiny-clip/{path}"
    made = fresh_manifest("images", OpenClipEncoder.load(name, device="cpu").spec, "pictures")
    check_model(made, OpenClipEncoder.load(name, device="cpu").spec)
    content = bytearray(path.read_bytes())
    content[-3] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(ModelMismatch, match="its weights, preprocessing or tokenizer are not"):
        check_model(made, OpenClipEncoder.load(name, device="cpu").spec)
    cut(path, path)
    with pytest.raises(EncoderError):
        OpenClipEncoder.load(name, device="cpu")
