"""The stub's rankings must be sensible, so that end-to-end tests can assert them."""

import numpy as np
import pytest
from PIL import Image

from search_app.encoders.stub import COLOURS, StubEncoder
from search_app.errors import EncoderError
from search_app.evaluation.selfcheck import check_encoder


@pytest.fixture
def stub() -> StubEncoder:
    return StubEncoder()


def images(stub: StubEncoder, *pictures: Image.Image) -> np.ndarray:
    return stub.encode_images(np.stack([stub.prepare(picture) for picture in pictures]))


def halves(left: str, right: str) -> Image.Image:
    picture = Image.new("RGB", (200, 100), COLOURS[left])
    picture.paste(COLOURS[right], (100, 0, 200, 100))
    return picture


@pytest.mark.parametrize("colour", COLOURS)
def test_a_colour_word_finds_the_picture_of_that_colour(stub: StubEncoder, colour: str):
    pictures = images(stub, *(Image.new("RGB", (30, 20), rgb) for rgb in COLOURS.values()))
    scores = (stub.encode_texts([f"a {colour} thing"]) @ pictures.T)[0]
    assert list(COLOURS)[scores.argmax()] == colour


def test_more_of_the_colour_scores_higher(stub: StubEncoder):
    all_red, half_red, no_red = halves("red", "red"), halves("red", "blue"), halves("green", "blue")
    scores = stub.encode_texts(["red"]) @ images(stub, no_red, half_red, all_red).T
    assert scores[0].argsort().tolist() == [0, 1, 2]
    assert (stub.encode_texts(["Red and BLUE"]) @ images(stub, no_red, half_red, all_red).T)[0].argmax() == 1


def test_mirrored_pictures_differ(stub: StubEncoder):
    first, second = images(stub, halves("black", "white"), halves("white", "black"))
    assert 0.9 < first @ second < 0.9999


def test_a_sentence_without_colours_still_has_an_answer(stub: StubEncoder):
    np.testing.assert_array_equal(stub.encode_texts(["", "sleepily"])[:, -1], 1)
    assert (stub.encode_texts(["sleepily"]) @ images(stub, halves("red", "green")).T).item() > 0


def test_vectors_are_the_same_on_every_machine(stub: StubEncoder):
    vector = images(stub, Image.new("RGB", (8, 8), COLOURS["red"]))[0]
    brightness = 0.1 * sum(COLOURS["red"]) / 3 / 255
    expected = np.zeros(16)
    expected[3], expected[11:15], expected[15] = 1, brightness, 0.1
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-6)


def test_the_stub_keeps_the_protocol(stub: StubEncoder):
    failed = {check.name for check in check_encoder(stub) if check.ok is False}
    assert failed == {"different sentences have different vectors"}  # it knows colours only
    assert stub.encode_images(np.zeros((0, 16, 16, 3), np.uint8)).shape == (0, 16)
    assert stub.encode_texts([]).shape == (0, 16)
    stub.close()
    with pytest.raises(EncoderError, match="closed"):
        stub.encode_texts(["red"])
