"""Who is asked for candidates of a round: run files, models, the printed words, chance."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search_app.errors import JudgementError, NoIndexYet
from search_app.evaluation.trec import Topics, read_run
from search_app.judgements.pictures import IndexedPictures
from search_app.judgements.values import PictureName
from search_app.search.query import WordsMode
from search_app.settings import Settings, load_settings
from search_app.wiring import open_service
from search_app.wiring_index import open_store

SYSTEMS = "model, fused, print, random or MODEL@COLLECTION"
_MODES: Mapping[str, WordsMode] = {"model": "off", "fused": "fused", "print": "only"}
"""The pictures alone, with their printed words, and the words alone."""
Answers = Mapping[str, Sequence[PictureName]]
"""Query id to answers, best first."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What every system is asked."""

    topics: Topics
    depth: int
    seed: int
    """Of what is random."""
    pictures: IndexedPictures
    """Of the collection that serves: what is not in it cannot be shown."""


def ask_system(system: str, settings: Settings, asked: Asked) -> tuple[str, Answers]:
    """A system's name and answers; raises `JudgementError` where it is none of `SYSTEMS` or finds nothing."""
    if system == "random":
        return system, _at_random(asked)
    if system in _MODES:
        name = settings.model if system == "model" else system
        answers = _from_service(settings, asked, _MODES[system])
    else:
        model, _, collection = system.rpartition("@")
        if not model:
            raise JudgementError(f"--systems: {system!r} is none of {SYSTEMS}")
        other = load_settings(model=model, device=settings.device, collection=collection)
        name, answers = system, _from_service(other, asked, "off", model)
    if not any(answers.values()):
        raise JudgementError(f"{name} finds none of the pictures in collection {settings.collection!r}")
    return name, answers


def read_run_answers(path: Path, pictures: IndexedPictures) -> Answers:
    """Answers of a run file; what is not in the index cannot be shown and is passed over."""
    found = {
        qid: [pictures.by_path[each] for each in ranking.paths if each in pictures.by_path]
        for qid, ranking in read_run(path).items()
    }
    if not any(found.values()):
        raise JudgementError(f"{path}: none of its pictures is in the index: were both made of the same folder?")
    return found


def read_index(settings: Settings) -> IndexedPictures | None:
    """The pictures in the index; None where nothing was indexed. No model is needed for that."""
    reader = open_store(settings).reader()
    try:
        return IndexedPictures.of(reader.scan())
    except NoIndexYet:
        return None
    finally:
        reader.close()


def each_content_once(pictures: IndexedPictures) -> list[PictureName]:
    """Every picture; copies are one."""
    return _named(pictures.by_content, pictures)


def _named(contents: Iterable[str], pictures: IndexedPictures) -> list[PictureName]:
    known = (content for content in contents if content in pictures.by_content)
    return [PictureName(content, pictures.by_content[content][0].picture.path) for content in known]


def _from_service(settings: Settings, asked: Asked, words: WordsMode, model: str = "") -> Answers:
    """Pictures are matched by content, so that a model may have indexed them under other names."""
    service = open_service(settings, model)
    if words != "off" and not service.reader.manifest().words_fingerprint:
        service.close()
        raise JudgementError(
            f"collection {settings.collection!r} holds no words of its pictures: index the folder with its words"
        )
    try:
        answers = service.search_batch(list(asked.topics.values()), asked.depth, words)
        contents = {known.id: known.picture.content_hash for known in service.reader.scan()}
    finally:
        service.close()
    return {
        qid: _named((contents[number] for number in found.ids.tolist() if number in contents), asked.pictures)
        for qid, found in zip(asked.topics, answers, strict=True)
    }


def _at_random(asked: Asked) -> Answers:
    every = each_content_once(asked.pictures)
    generator = np.random.default_rng(asked.seed)
    return {
        qid: [every[place] for place in generator.permutation(len(every))[: asked.depth].tolist()]
        for qid in asked.topics
    }
