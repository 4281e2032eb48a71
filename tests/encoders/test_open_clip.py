"""The encoder must give what open_clip's own model gives, from every kind of checkpoint and in every thread."""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from search_app.encoders.open_clip import OpenClipEncoder
from search_app.encoders.open_clip_model import uses_quick_gelu
from search_app.encoders.open_clip_package import open_clip, torch
from search_app.encoders.open_clip_text import TextTower
from search_app.errors import EncoderError
from search_app.evaluation.selfcheck import check_encoder
from tests.conftest import ROOT, clean_environment
from tests.encoders.conftest import MakeCheckpoint, random_model

CAUSAL = ["tiny-clip", "tiny-custom", "tiny-eos"]
FULL_LENGTH = ["tiny-bidirectional", "tiny-class-token", "tiny-argmax-bidirectional"]
TEXTS = ["", "a", "A red CAR, isn't it?", "café 寿司 \u0000 #1!", "<end_of_text> tricks", "many words " * 100]


def pictures() -> list[Image.Image]:
    generator = np.random.default_rng(0)
    sizes = [(40, 30), (300, 500), (1, 1), (33, 32)]
    return [Image.fromarray(generator.integers(0, 256, (*size, 3), dtype=np.uint8)) for size in sizes]


def load(architecture: str, file: Path, **options: str) -> OpenClipEncoder:
    return OpenClipEncoder.load(f"{architecture}/{file}", device="cpu", **{"precision": "fp32", **options})


def images_by(encoder: OpenClipEncoder, count: int = 4) -> np.ndarray:
    return encoder.encode_images(np.stack([encoder.prepare(picture) for picture in pictures()[:count]]))


def by_open_clip_itself(architecture: str, file: Path, count: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of the first `count` pictures and texts."""
    model, _, transform = open_clip.create_model_and_transforms(architecture, pretrained=str(file))
    model.eval()
    with torch.inference_mode():
        images = model.encode_image(torch.stack([transform(picture) for picture in pictures()[:count]]), normalize=True)
        texts = model.encode_text(open_clip.get_tokenizer(architecture)(TEXTS[:count]), normalize=True)
    return images.numpy(), texts.numpy()


@pytest.mark.parametrize("architecture", [*CAUSAL, *FULL_LENGTH, "tiny-clip-quickgelu"])
def test_vectors_equal_those_of_open_clip_itself(architecture: str, make_checkpoint: MakeCheckpoint):
    file = make_checkpoint(architecture)
    encoder = load(architecture, file)
    images, texts = by_open_clip_itself(architecture, file)
    np.testing.assert_allclose(images_by(encoder), images, rtol=0, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS), texts, rtol=0, atol=1e-5)


@pytest.mark.parametrize("architecture", CAUSAL)
def test_a_causal_tower_runs_no_further_than_the_longest_sentence(architecture: str):
    model = random_model(architecture)
    tower = TextTower(model, open_clip.get_tokenizer(architecture))
    tokens = tower.tokenize(["two words", "and three words"])
    lengths = []
    transformer = model.transformer if hasattr(model, "transformer") else model.text.transformer
    transformer.register_forward_hook(lambda _module, inputs, _output: lengths.append(inputs[0].shape[1]))
    with torch.inference_mode():
        cut, padded = tower.features(tokens), model.encode_text(tokens)
    assert lengths == [5, 77]  # start, three words, end
    assert torch.nn.functional.cosine_similarity(cut, padded).min() > 1 - 1e-6
    assert (cut - padded).abs().max() < 1e-5


@pytest.mark.parametrize("architecture", FULL_LENGTH)
def test_a_tower_that_looks_both_ways_is_not_cut(architecture: str):
    assert not TextTower(random_model(architecture), open_clip.get_tokenizer(architecture)).is_cut


def test_spec_tells_the_truth(make_checkpoint: MakeCheckpoint):
    file = make_checkpoint("tiny-clip")
    spec = load("tiny-clip", file).spec
    assert (spec.name, spec.dim, spec.image_size) == (f"tiny-clip/{file}", 16, (32, 32))
    assert (spec.device, spec.precision) == ("cpu", "fp32")


def test_bf16_is_close_to_fp32(make_checkpoint: MakeCheckpoint):
    file = make_checkpoint("tiny-clip")
    full, half = load("tiny-clip", file), load("tiny-clip", file, precision="bf16")
    assert half.spec.precision == "bf16"
    assert half.spec.fingerprint == full.spec.fingerprint
    assert (images_by(full) * images_by(half)).sum(axis=1).min() > 0.999
    assert (full.encode_texts(TEXTS) * half.encode_texts(TEXTS)).sum(axis=1).min() > 0.999
    assert not np.array_equal(images_by(full), images_by(half))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt", ".bin", ".pth"])
def test_every_kind_of_checkpoint_gives_the_same_model(suffix: str, make_checkpoint: MakeCheckpoint):
    first, second = (load("tiny-clip", make_checkpoint("tiny-clip", suffix=kind)) for kind in (".safetensors", suffix))
    assert first.spec.fingerprint == second.spec.fingerprint
    np.testing.assert_array_equal(images_by(first), images_by(second))


def test_fingerprint_changes_with_weights_activation_and_preprocessing(
    make_checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch
):
    file = make_checkpoint("tiny-clip")
    prints = {
        load("tiny-clip", file).spec.fingerprint,
        load("tiny-clip", make_checkpoint("tiny-clip", seed=1)).spec.fingerprint,
        load("tiny-clip-quickgelu", file).spec.fingerprint,
    }
    published = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-clip", {"squashed": published})
    prints.add(load("tiny-clip", file).spec.fingerprint)
    assert len(prints) == 4


def test_a_checkpoint_of_an_architecture_takes_pictures_as_its_published_weights_do(
    make_checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch
):
    published = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-clip", {"a": published, "b": published})
    encoder = load("tiny-clip", make_checkpoint("tiny-clip"))
    wide = Image.new("RGB", (300, 30), "white")
    wide.paste((0, 0, 0), (0, 0, 100, 30))
    assert encoder.prepare(wide)[0, 0].max() < 30  # the black third at the left is still there: nothing was cropped


def test_many_threads_get_what_one_gets(make_checkpoint: MakeCheckpoint):
    encoder = load("tiny-clip", make_checkpoint("tiny-clip"))
    alone = encoder.encode_texts(TEXTS), images_by(encoder)
    with ThreadPoolExecutor(8) as pool:
        texts = list(pool.map(lambda _: encoder.encode_texts(TEXTS), range(16)))
        images = list(pool.map(lambda _: images_by(encoder), range(16)))
    for got in texts:
        np.testing.assert_allclose(got, alone[0], rtol=0, atol=1e-6)
    for got in images:
        np.testing.assert_allclose(got, alone[1], rtol=0, atol=1e-6)


def test_any_number_of_items_is_encoded_in_order(make_checkpoint: MakeCheckpoint):
    encoder = load("tiny-clip", make_checkpoint("tiny-clip"))
    count = encoder.spec.batch_size + 3
    pixels = np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)
    whole = encoder.encode_images(pixels)
    assert whole.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(whole[-1:], encoder.encode_images(pixels[-1:]), atol=1e-5)
    texts = [f"number {number}" for number in range(count)]
    np.testing.assert_allclose(encoder.encode_texts(texts)[-1:], encoder.encode_texts(texts[-1:]), atol=1e-5)
    assert encoder.encode_images(pixels[:0]).shape == (0, 16)
    assert encoder.encode_texts([]).shape == (0, 16)


def test_pixels_of_another_shape_are_refused(make_checkpoint: MakeCheckpoint):
    encoder = load("tiny-clip", make_checkpoint("tiny-clip"))
    with pytest.raises(ValueError, match=r"uint8 \(n, 32, 32, 3\), not uint8 \(1, 32, 31, 3\)"):
        encoder.encode_images(np.zeros((1, 32, 31, 3), np.uint8))
    with pytest.raises(ValueError, match="not float32"):
        encoder.encode_images(np.zeros((1, 32, 32, 3), np.float32))  # type: ignore[arg-type]


def test_weights_that_give_no_numbers_are_reported(tmp_path: Path):
    state = random_model("tiny-clip").state_dict()
    save_file(
        {**state, "visual.proj": torch.full_like(state["visual.proj"], float("nan"))}, tmp_path / "nan.safetensors"
    )
    encoder = load("tiny-clip", tmp_path / "nan.safetensors")
    with pytest.raises(EncoderError, match="not finite or zero, in fp32 on cpu: its weights are damaged"):
        images_by(encoder)
    encoder.encode_texts(TEXTS)


def test_a_closed_encoder_says_so(make_checkpoint: MakeCheckpoint):
    encoder = load("tiny-clip", make_checkpoint("tiny-clip"))
    encoder.close()
    encoder.close()
    with pytest.raises(EncoderError, match="is closed"):
        encoder.encode_texts(["a"])


@pytest.fixture(scope="module")
def true_shapes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Random weights of the true ViT-B/32, in half precision as OpenAI's are."""
    torch.manual_seed(0)
    file = tmp_path_factory.mktemp("true") / "vit-b-32.safetensors"
    save_file({name: value.half() for name, value in open_clip.create_model("ViT-B-32").state_dict().items()}, file)
    yield file
    file.unlink()


def test_the_true_shapes_go_through_the_whole_path(true_shapes: Path):
    encoder = load("ViT-B-32-quickgelu", true_shapes)
    assert uses_quick_gelu(encoder._model)
    assert (encoder.spec.dim, encoder.spec.image_size) == (512, (224, 224))
    images, texts = by_open_clip_itself("ViT-B-32-quickgelu", true_shapes, count=2)
    np.testing.assert_allclose(images_by(encoder, count=2), images, rtol=0, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(TEXTS[:2]), texts, rtol=0, atol=1e-5)
    checks = {check.name: check.ok for check in check_encoder(encoder)}
    assert checks.pop("OpenAI's published example") is None  # random weights under a name of their own
    assert all(checks.values()), checks


def test_without_torch_the_message_has_the_pip_line():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from search_app.errors import MissingDependency\n"
        "try:\n    import search_app.encoders.open_clip\n"
        "except MissingDependency as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert "PyTorch, which is not installed: pip install -r requirements.txt" in done.stdout, done.stderr
