"""Derives a collection two pictures at a time and waits after four of them, to be killed there."""

import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from search_app.datatypes import FloatMatrix, PixelArray, PixelBatch
from search_app.encoders.adapted import AdaptedEncoder
from search_app.encoders.adapter_head import AdapterHead, describe
from search_app.encoders.stub import StubEncoder
from search_app.index.edge.store import EdgeStore
from search_app.ingest import derive


class BlindStub(StubEncoder):
    """A base that must not be shown a picture."""

    def prepare(self, image: Image.Image) -> PixelArray:
        pytest.fail("a picture was opened")

    def encode_images(self, pixels: PixelBatch) -> FloatMatrix:
        pytest.fail("a picture was embedded")


def adapted(weight: float = 1.0) -> AdaptedEncoder:
    head = AdapterHead(*(weight * StubEncoder().encode_texts([text]) for text in ("red", "blue")), 10.0)
    return AdaptedEncoder("stub+mine", BlindStub(), describe(head, "stub", "stub-1"), head)


def wait(done: int, *_: int) -> None:
    sys.stdout.write(f"{done}\n")
    sys.stdout.flush()
    if done == 4:
        time.sleep(600)


if __name__ == "__main__":
    derive.AT_ONCE = 2
    storage = Path(sys.argv[1])
    derive.run_derive(EdgeStore(storage, "base").reader(), adapted(), EdgeStore(storage, "derived"), wait)
