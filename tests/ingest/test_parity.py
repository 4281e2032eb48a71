"""The pipeline, with its threads, batches and parts of batches, against pictures that are taken one by one."""

from pathlib import Path

import numpy as np
import pytest

from search_app.datatypes import Picture
from search_app.encoders.base import Encoder
from search_app.encoders.lite import LiteEncoder
from search_app.encoders.stub import StubEncoder
from search_app.errors import ImageError
from search_app.images.colour_names import dominant_colours
from search_app.images.decode import decode_image
from search_app.images.fingerprints import content_hash, picture_hashes
from search_app.images.scan import scan_images
from search_app.index.memory.store import MemoryStore
from search_app.ingest.pipeline import IngestOptions, run_ingest
from tests.conftest import SAMPLE

MAX_PIXELS = 10**8
BAD = {"a-text.jpg": b"this is text", "half-a-picture.png": b"\x89PNG\r\n\x1a\n", "zz-empty.jpg": b""}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures, in more batches than one, with bad files first, between and last."""
    place = tmp_path_factory.mktemp("parity")
    for ref in scan_images(SAMPLE).found[:40]:
        (place / ref.path.replace("/", "-")).write_bytes((SAMPLE / ref.path).read_bytes())
    for name, content in BAD.items():
        (place / name).write_bytes(content)
    return place


def one_by_one(folder: Path, encoder: Encoder) -> tuple[dict[int, tuple[Picture, np.ndarray]], list[str]]:
    """What an index run is to store, and what it is to skip, in the plainest way there is."""
    stored, skipped = {}, []
    for ref in scan_images(folder).found:
        path = folder / ref.path
        try:
            decoded = decode_image(path, max_pixels=MAX_PIXELS, min_size=encoder.spec.image_size)
        except ImageError:
            skipped.append(ref.path)
            continue
        picture = Picture(
            path=ref.path,
            content_hash=content_hash(path.read_bytes()),
            size_bytes=ref.size_bytes,
            mtime_ns=ref.mtime_ns,
            width=decoded.width,
            height=decoded.height,
            format=decoded.format,
            phash=picture_hashes(decoded.image),
            colours=dominant_colours(decoded.image),
            taken=decoded.taken,
        )
        stored[len(stored) + 1] = picture, encoder.encode_images(encoder.prepare(decoded.image)[None])[0]
    return stored, skipped


@pytest.mark.parametrize("open_encoder", [LiteEncoder, StubEncoder])
@pytest.mark.parametrize("workers", [1, 3])
def test_the_pipeline_stores_what_one_picture_after_another_gives(
    folder: Path, open_encoder: type[Encoder], workers: int
) -> None:
    encoder, store = open_encoder(), MemoryStore("parity")
    expected, skipped = one_by_one(folder, encoder)
    report = run_ingest(folder, encoder, store, IngestOptions(MAX_PIXELS, workers), lambda *_: None)
    reader = store.reader()
    found = {item.id: item.picture for item in reader.scan()}
    vectors = reader.vectors([*found])
    encoder.close()
    assert found == {number: picture for number, (picture, _) in expected.items()}
    for number, (_, vector) in expected.items():
        np.testing.assert_allclose(vectors[number], vector, atol=1e-6)
    assert [item.path for item in report.skipped] == skipped == sorted(BAD)
    assert (report.indexed, report.total, report.unchanged, report.removed) == (40, 40, 0, 0)


def test_a_batch_gives_what_its_pictures_give_alone() -> None:
    encoder = LiteEncoder()
    pixels = np.random.default_rng(0).integers(0, 256, (7, *encoder.spec.image_size, 3), dtype=np.uint8)
    alone = np.concatenate([encoder.encode_images(one[None]) for one in pixels])
    np.testing.assert_allclose(encoder.encode_images(pixels), alone, atol=1e-6)
    encoder.close()
