"""An exported model must give the vectors of the one it was made from, without torch, or not come into being."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

from search_app.cli.program import main
from search_app.encoders.base import Encoder
from search_app.encoders.onnx_clip import IMAGES_AT_ONCE, OnnxClipEncoder
from search_app.encoders.open_clip import OpenClipEncoder
from search_app.encoders.weights import locate
from search_app.errors import EncoderError, ModelMismatch, WeightsUnavailable
from search_app.evaluation.selfcheck import check_encoder
from search_app.index.manifest import check_model, fresh_manifest
from search_app.settings import load_settings
from search_app.training.export.run import export_model
from search_app.wiring import open_encoder
from tests.conftest import ROOT, clean_environment
from tests.encoders.conftest import random_model

TEXTS = ["", "a", "A red CAR, isn't it?", "café 寿司 #1!", "many words " * 100, "two words"]


@dataclass(frozen=True)
class Exported:
    """A checkpoint and the folder that the command made of it."""

    source: str
    folder: Path
    said: str

    def open(self) -> OnnxClipEncoder:
        return OnnxClipEncoder.load(f"onnx:{self.folder}")

    def open_source(self) -> OpenClipEncoder:
        return OpenClipEncoder.load(self.source, device="cpu", precision="fp32")


Export = Callable[..., Exported]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Export random weights of an architecture, once: `export("tiny-clip", "--int8")`."""
    logging.getLogger("torch.__trace").setLevel(logging.ERROR)  # pytest would keep every line of the tracer's diary
    made: dict[tuple[str, ...], Exported] = {}

    def make(architecture: str, *options: str) -> Exported:
        if (architecture, *options) not in made:
            home = tmp_path_factory.mktemp("exported")
            save_file(random_model(architecture).state_dict(), home / "weights.safetensors")
            source = f"{architecture}/{home}/weights.safetensors"
            with redirect_stdout(io.StringIO()) as said:
                assert main(["export", source, "--to", str(home / "model"), *options]) == 0
            made[architecture, *options] = Exported(source, home / "model", said.getvalue())
        return made[architecture, *options]

    return make


def pixels(count: int) -> np.ndarray:
    coarse = np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


@pytest.mark.parametrize("architecture", ["tiny-clip", "flat-eos", "flat-bidirectional"])
def test_vectors_are_those_of_torch(architecture: str, export: Export) -> None:
    exported = export(architecture)
    ours, theirs = exported.open(), exported.open_source()
    for count in (1, IMAGES_AT_ONCE + 3):
        images = ours.encode_images(pixels(count))
        np.testing.assert_allclose(images, theirs.encode_images(pixels(count)), rtol=0, atol=1e-5)
    for texts in (TEXTS, TEXTS[:1], ["two words"] * 40):
        np.testing.assert_allclose(ours.encode_texts(texts), theirs.encode_texts(texts), rtol=0, atol=1e-5)
    assert ours.encode_images(pixels(0)).shape == ours.encode_texts([]).shape == (0, 16)


def test_it_serves_an_index_of_its_source(export: Export) -> None:
    exported = export("tiny-clip")
    ours, theirs = exported.open().spec, exported.open_source().spec
    assert ours.name == f"onnx:{exported.folder}"
    assert (ours.fingerprint, ours.dim, ours.image_size) == (theirs.fingerprint, theirs.dim, theirs.image_size)
    check_model(fresh_manifest("ads", theirs, "folder"), ours)
    check_model(fresh_manifest("ads", ours, "folder"), theirs)


def test_int8_is_close_and_a_model_of_its_own(export: Export) -> None:
    exported = export("flat-clip", "--int8")
    ours, theirs = exported.open(), exported.open_source()
    assert ours.spec.precision == "int8"
    assert (ours.encode_texts(TEXTS) * theirs.encode_texts(TEXTS)).sum(axis=1).min() > 0.98
    assert (ours.encode_images(pixels(8)) * theirs.encode_images(pixels(8))).sum(axis=1).min() > 0.98
    with pytest.raises(ModelMismatch):
        check_model(fresh_manifest("ads", theirs.spec, "folder"), ours.spec)
    assert "what it does to your retrieval was not measured" in exported.said


def test_the_folder_says_what_was_compared(export: Export) -> None:
    exported = export("tiny-clip")
    parity = json.loads((exported.folder / "manifest.json").read_text("utf-8"))["parity"]
    assert min(value for name, value in parity.items() if name.endswith("least")) > 0.9999
    assert parity["same_top"] == 1
    card = (exported.folder / "README.md").read_text("utf-8")
    assert b".py" not in (exported.folder / "image_tower.onnx").read_bytes()  # nothing of where it was traced
    assert "Licence of the weights: not known here" in card
    assert f"SEARCH_MODEL=onnx:{exported.folder}" in exported.said
    assert locate(f"onnx:{exported.folder}").obtainable
    assert not locate("onnx:nowhere").obtainable


def test_it_is_sound_and_opened_by_its_name(export: Export) -> None:
    encoder = open_encoder(load_settings(model=f"onnx:{export('tiny-clip').folder}"))
    checks = {check.name: check.ok for check in check_encoder(encoder)}
    assert not [name for name, ok in checks.items() if ok is False]
    encoder.close()
    with pytest.raises(EncoderError, match="is closed"):
        encoder.encode_texts(["a"])


def test_many_threads_get_what_one_gets(export: Export) -> None:
    encoder = export("tiny-clip").open()
    texts, images = encoder.encode_texts(TEXTS), encoder.encode_images(pixels(4))
    with ThreadPoolExecutor(8) as pool:
        for each in pool.map(lambda _: encoder.encode_texts(TEXTS), range(16)):
            np.testing.assert_allclose(each, texts, rtol=0, atol=1e-6)
        for each in pool.map(lambda _: encoder.encode_images(pixels(4)), range(16)):
            np.testing.assert_allclose(each, images, rtol=0, atol=1e-6)


def test_it_needs_no_torch(export: Export) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'open_clip', 'onnx'): sys.modules[name] = None\n"
        "from search_app.settings import load_settings\n"
        "from search_app.wiring import open_encoder\n"
        "print(open_encoder(load_settings()).encode_texts(['a red car']).shape)"
    )
    env = clean_environment(SEARCH_MODEL=f"onnx:{export('tiny-clip').folder}")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.stdout == "(1, 16)\n", done.stderr


@pytest.fixture
def copy(export: Export, tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in export("tiny-clip").folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("name", ["tokenizer.json", "image_tower.onnx", "text_tower.onnx.data"])
def test_a_changed_or_missing_file_is_named(name: str, copy: Path) -> None:
    (copy / name).write_bytes((copy / name).read_bytes()[:-1] + b"?")
    with pytest.raises(EncoderError, match=f"{name} is not the file that was exported"):
        OnnxClipEncoder.load(f"onnx:{copy}")
    (copy / name).unlink()
    with pytest.raises(WeightsUnavailable, match=f"{name} cannot be read .*: export the model again"):
        OnnxClipEncoder.load(f"onnx:{copy}")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2}'])
def test_a_damaged_manifest_is_named(content: str, copy: Path) -> None:
    (copy / "manifest.json").write_text(content)
    with pytest.raises(EncoderError, match=r"manifest\.json is damaged or of another version"):
        OnnxClipEncoder.load(f"onnx:{copy}")


def test_cuda_is_refused(copy: Path) -> None:
    with pytest.raises(EncoderError, match="runs on the CPU only"):
        OnnxClipEncoder.load(f"onnx:{copy}", device="cuda")


def test_other_vectors_are_not_exported(tmp_path: Path) -> None:
    for seed, name in enumerate(("mine", "other")):
        save_file(random_model("flat-clip", seed).state_dict(), tmp_path / f"{name}.safetensors")

    def open_another(_name: str) -> Encoder:
        return OpenClipEncoder.load(f"flat-clip/{tmp_path}/other.safetensors", device="cpu")

    with pytest.raises(EncoderError, match="is not exported: a vector has cosine"):
        export_model(f"flat-clip/{tmp_path}/mine.safetensors", tmp_path / "model", "fp32", "", open_another)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.safetensors", "other.safetensors"]


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "ViT-B-32/openai", "--to", str(tmp_path)]) == 2
    assert f"{tmp_path} is there already" in capsys.readouterr().err
