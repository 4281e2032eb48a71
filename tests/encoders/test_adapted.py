"""An adapted encoder is its base with moved texts, and refuses what does not belong to it."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search_app.encoders.adapted import AdaptedEncoder
from search_app.encoders.adapter_head import MANIFEST, AdapterHead, adapted_names, describe
from search_app.encoders.base import Encoder
from search_app.encoders.stub import DIM, StubEncoder
from search_app.errors import EncoderError, UnknownModel
from search_app.settings import Settings
from search_app.wiring import open_encoder

TEXTS = ["red", "green and blue", "no colour"]


def red_means_blue() -> AdapterHead:
    """Adds to texts near "red" what makes them blue."""
    red, blue = StubEncoder().encode_texts(["red", "blue"])
    return AdapterHead(red[None], (2 * blue - red)[None], 40.0)


def write(folder: Path, head: AdapterHead, base: str = "stub", fingerprint: str = "stub-1") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    manifest = describe(head, base, fingerprint)
    (folder / manifest.arrays).write_bytes(head.to_bytes())
    (folder / MANIFEST).write_text(json.dumps(manifest.to_json()))
    return folder


def open_stub(_: str) -> Encoder:
    return StubEncoder()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "models" / "stub+blue", red_means_blue())


def test_texts_near_what_was_learnt_move_and_others_stay(folder: Path) -> None:
    adapted, base = AdaptedEncoder.load(folder, open_stub), StubEncoder()
    found, before = adapted.encode_texts(TEXTS), base.encode_texts(TEXTS)
    np.testing.assert_allclose(found[0], base.encode_texts(["blue"])[0], atol=1e-6)
    np.testing.assert_allclose(found[1:], before[1:], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert found.dtype == np.float32


def test_pictures_are_those_of_the_base(folder: Path) -> None:
    adapted, base = AdaptedEncoder.load(folder, open_stub), StubEncoder()
    pixels = np.stack([adapted.prepare(Image.new("RGB", (30, 20), colour)) for colour in ("red", "blue")])
    np.testing.assert_array_equal(adapted.encode_images(pixels), base.encode_images(pixels))
    vectors = base.encode_images(pixels)
    np.testing.assert_array_equal(adapted.derive_images(vectors), vectors)


def test_it_is_known_by_a_name_and_a_fingerprint_of_its_own(folder: Path) -> None:
    adapted = AdaptedEncoder.load(folder, open_stub)
    assert (adapted.spec.name, adapted.spec.dim) == ("stub+blue", DIM)
    assert adapted.base_spec == StubEncoder().spec
    other = AdaptedEncoder.load(write(folder, red_means_blue().at(0.5)), open_stub)
    assert len({adapted.spec.fingerprint, other.spec.fingerprint, "stub-1"}) == 3


def test_strength_0_is_the_base(folder: Path) -> None:
    adapted = AdaptedEncoder.load(write(folder, red_means_blue().at(0)), open_stub)
    np.testing.assert_allclose(adapted.encode_texts(TEXTS), StubEncoder().encode_texts(TEXTS), atol=1e-6)


def test_another_base_is_refused_and_closed_again(folder: Path) -> None:
    opened = []

    def open_other(name: str) -> Encoder:
        opened.append(StubEncoder())
        return opened[-1]

    write(folder, red_means_blue(), fingerprint="stub-0")
    with pytest.raises(EncoderError, match=r"was trained on another stub \(stub-0\) than the one here \(stub-1\)"):
        AdaptedEncoder.load(folder, open_other)
    with pytest.raises(EncoderError, match="closed"):
        opened[0].encode_texts(["red"])


def test_closing_closes_the_base(folder: Path) -> None:
    adapted = AdaptedEncoder.load(folder, open_stub)
    adapted.close()
    with pytest.raises(EncoderError, match="closed"):
        adapted.encode_texts(["red"])


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"sha256": "0" * 64},
        {"sha256": "../../secret"},
        {"sharpness": 0},
        {"sharpness": "much"},
        {"dim": 4},
        {"base": "stub+blue"},
    ],
    ids=str,
)
def test_a_manifest_that_does_not_fit_is_refused(folder: Path, change: dict[str, object]) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps(content | change))
    with pytest.raises(EncoderError, match=r"train (it|the model) again"):
        AdaptedEncoder.load(folder, open_stub)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_damaged_manifest_is_refused_with_its_name(folder: Path, content: bytes) -> None:
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(EncoderError, match=r"adapter\.json"):
        AdaptedEncoder.load(folder, open_stub)


def test_arrays_that_are_cut_short_changed_or_missing_are_refused(folder: Path) -> None:
    [arrays] = folder.glob("head-*.npz")
    whole = arrays.read_bytes()
    for damaged in (whole[:-1], b"", whole[:50] + b"x" + whole[51:]):
        arrays.write_bytes(damaged)
        with pytest.raises(EncoderError, match=f"{arrays.name}: is damaged"):
            AdaptedEncoder.load(folder, open_stub)
    arrays.unlink()
    with pytest.raises(EncoderError, match=f"{arrays.name}: cannot be read"):
        AdaptedEncoder.load(folder, open_stub)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_arrays_that_are_no_numbers_are_refused(folder: Path, value: float) -> None:
    head = red_means_blue()
    head.residual[0, 0] = value
    with pytest.raises(EncoderError, match="is damaged"):
        AdaptedEncoder.load(write(folder, head), open_stub)


def test_the_wiring_opens_it_by_its_name_and_lists_what_there_is(folder: Path) -> None:
    settings = Settings(model="stub+blue", index_dir=folder.parents[1])
    assert open_encoder(settings).spec.name == "stub+blue"
    assert adapted_names(settings.models_dir) == ["stub+blue"]
    with pytest.raises(UnknownModel, match=r"stub\+bleu.*models trained here: stub\+blue"):
        open_encoder(settings.model_copy(update={"model": "stub+bleu"}))
