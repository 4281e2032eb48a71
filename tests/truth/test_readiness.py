"""`/readyz` says 200 only while real queries are answered by a sane model from a sane index of that model."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from search_app.datatypes import EncoderSpec, Point
from search_app.encoders.onnx_manifest import read_onnx_manifest
from search_app.errors import EncoderError, IndexUnavailable, ModelMismatch, SearchAppError
from search_app.search import readiness
from search_app.search.query import SearchQuery, Term
from search_app.search.service import SearchService
from tests.truth.conftest import World
from tests.truth.made_model import DIM, make_model, write_pictures


def spec_of(world: World) -> EncoderSpec:
    manifest = read_onnx_manifest(world.home / "model")
    return EncoderSpec(world.model, DIM, manifest.fingerprint, manifest.transform.size)


def store_vectors(world: World, vector_of: Callable[[int], np.ndarray], spec: EncoderSpec | None = None) -> None:
    """Give every picture of the index another vector, as an index run would."""
    reader = world.store.reader()
    known = list(reader.scan())
    reader.close()
    with world.store.writer(spec or spec_of(world), str(world.home / "pictures"), rebuild=spec is not None) as writer:
        writer.upsert([Point(one.id, vector_of(one.id).astype(np.float32), one.picture) for one in known])
        writer.commit()


def refusal(service: SearchService) -> str:
    """Why it is not ready; fails where it is."""
    with pytest.raises(SearchAppError) as refused:
        service.ready()
    return str(refused.value)


def test_a_sound_service_is_ready_and_stays_so(service: SearchService) -> None:
    for _ in range(20):
        service._readiness._known = None  # look again instead of taking the last answer
        assert service.ready().count == 6


@pytest.mark.parametrize("text", ["zero", "nan", "constant"])
def test_a_service_does_not_start_with_a_broken_text_tower(world: World, text: str) -> None:
    fingerprint = spec_of(world).fingerprint
    make_model(world.home / "model", text=text, fingerprint=fingerprint)
    with pytest.raises(EncoderError, match="damaged"):
        world.open()


@pytest.mark.parametrize("text", ["zero", "nan", "constant"])
def test_a_text_tower_that_breaks_while_it_serves_is_told(world: World, text: str) -> None:
    """Weights in memory become others: bits that flip, a card that fails, a mapped file that is written over."""
    service = world.open()
    assert service.ready()
    broken = make_model(world.home / "broken", text=text, fingerprint=spec_of(world).fingerprint)
    from search_app.encoders.onnx_clip import OnnxClipEncoder

    service.encoder._watchdog._model = OnnxClipEncoder.load(broken)
    service._readiness._known = None
    assert "damaged" in refusal(service)
    service.close()


@pytest.mark.parametrize("image", ["zero", "nan", "constant"])
def test_a_broken_image_tower_answers_no_picture(world: World, image: str) -> None:
    """It is in memory only when a picture comes; words find what is there all the same."""
    picture = (world.home / "pictures" / "red.png").read_bytes()
    query = SearchQuery(terms=(Term(image=picture),), words="off")
    sound = world.open()
    assert sound.search(query).hits[0].path == "red.png"
    sound.close()
    make_model(world.home / "model", image=image, fingerprint=spec_of(world).fingerprint)
    broken = world.open()
    assert broken.search(SearchQuery("red", words="off")).hits[0].path == "red.png"
    for _ in range(2):
        with pytest.raises(EncoderError, match="damaged"):
            broken.search(query)
    broken.close()


def test_a_model_that_answers_otherwise_than_at_the_start_is_told(world: World) -> None:
    service = world.open()
    assert service.ready()
    from search_app.encoders.onnx_clip import OnnxClipEncoder

    other = make_model(world.home / "other", seed=1, fingerprint=spec_of(world).fingerprint)
    service.encoder._watchdog._model = OnnxClipEncoder.load(other)
    service._readiness._known = None
    assert "other vectors than at the start" in refusal(service)
    service.close()


def test_an_index_of_another_model_is_told(world: World) -> None:
    store_vectors(world, lambda number: np.eye(DIM)[number % DIM], replace(spec_of(world), fingerprint="another"))
    service = world.open()
    with pytest.raises(ModelMismatch):
        service.ready()
    service.close()


def test_an_index_of_constant_vectors_is_told(world: World) -> None:
    store_vectors(world, lambda _: np.full(DIM, DIM**-0.5))
    service = world.open()
    assert "6 different pictures all have the same vector" in refusal(service)
    service.close()


def test_pictures_that_look_alike_may_have_one_vector(world: World) -> None:
    """Copies of one picture are no sign of a broken model."""
    reader = world.store.reader()
    known = list(reader.scan())
    reader.close()
    same = np.full(DIM, DIM**-0.5, np.float32)
    with world.store.writer(spec_of(world), str(world.home / "pictures")) as writer:
        pictures = [replace(one.picture, phash=known[0].picture.phash) for one in known]
        writer.upsert([Point(one.id, same, picture) for one, picture in zip(known, pictures, strict=True)])
        writer.commit()
    service = world.open()
    assert service.ready().count == 6
    service.close()


class Lying:
    """A reader whose engine gives what the stored vectors do not say; all else is the real one's."""

    def __init__(self, inner: object, **changes: object) -> None:
        self._inner = inner
        self.__dict__.update(changes)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


@pytest.mark.parametrize("wrong", [np.nan, 0.3, -2.0])
def test_scores_that_no_vector_has_are_told(world: World, wrong: float) -> None:
    service = world.open()
    inner = service.reader

    def search(queries):
        return [replace(found, scores=found.scores * 0 + np.float32(wrong)) for found in inner.search(queries)]

    service._probe._reader = Lying(inner, search=search)
    assert "is found with a score" in refusal(service)
    service.close()


@pytest.mark.parametrize("wrong", [np.nan, 0.0, 2.0])
def test_stored_vectors_that_are_damaged_are_told(world: World, wrong: float) -> None:
    service = world.open()
    inner = service.reader

    def vectors(ids):
        return {number: vector * np.float32(wrong) for number, vector in inner.vectors(ids).items()}

    service._probe._reader = Lying(inner, vectors=vectors)
    assert "is damaged" in refusal(service)
    service.close()


def owner_of(service: SearchService) -> int:
    return service.reader._follower.serving.shard.process.pid


def test_an_engine_that_hangs_is_told_in_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_PATIENCE_S", 0.5)
    monkeypatch.setattr(readiness, "_KEPT_S", 0.0)
    service = world.open()
    assert service.ready()
    os.kill(owner_of(service), signal.SIGSTOP)
    try:
        began = time.monotonic()
        assert "model or index hang" in refusal(service)
        assert "model or index hang" in refusal(service)  # not one more thread for every question
        assert time.monotonic() - began < 10  # the engine itself has thirty seconds
    finally:
        os.kill(owner_of(service), signal.SIGCONT)
    until_ready(service)
    service.close()


def until_ready(service: SearchService) -> None:
    give_up = time.monotonic() + 60
    while True:
        try:
            service.ready()
        except IndexUnavailable:
            assert time.monotonic() < give_up
            time.sleep(0.02)
        else:
            return


def test_an_engine_that_was_killed_is_told_and_comes_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_KEPT_S", 0.0)
    service = world.open()
    assert service.ready()
    os.kill(owner_of(service), signal.SIGKILL)
    with pytest.raises(IndexUnavailable):
        service.ready()
    until_ready(service)
    service.close()


def test_an_answer_stands_for_a_moment_and_for_one_state_of_the_index_only(world: World) -> None:
    service = world.open()
    asked = []
    probe = service._readiness._probe
    service._readiness._probe = lambda: (asked.append(1), probe())[1]
    for _ in range(5):
        service.ready()
    assert len(asked) <= 5  # fewer, but this machine may be slow
    service._readiness._known_at = time.monotonic() + 3600  # as if time stood still
    before = len(asked)
    for _ in range(5):
        service.ready()
    assert len(asked) == before
    write_pictures(world.home / "more")
    store_vectors(world, lambda number: np.eye(DIM)[number % DIM])
    give_up = time.monotonic() + 60
    while service.ready().generation == 1:
        assert time.monotonic() < give_up
        time.sleep(0.02)
    assert len(asked) > before
    service.close()


def test_a_refusal_never_stands(world: World) -> None:
    service = world.open()
    service._probe._first = np.full((2, DIM), 9, np.float32)
    refusal(service)
    service._probe._first = None
    assert service.ready()
    service.close()
