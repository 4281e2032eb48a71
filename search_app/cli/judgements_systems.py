"""Who is asked for candidates of a round: run files, models, the printed words, chance."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from search_app.datatypes import VectorQuery
from search_app.errors import JudgementError, NoIndexYet
from search_app.evaluation.trec import Topics, read_run
from search_app.judgements.pictures import IndexedPictures
from search_app.judgements.values import PictureName
from search_app.settings import Settings, load_settings
from search_app.wiring import open_sentences, open_service, open_store
from search_app.words.bm25 import sparse_query

SYSTEMS = "model, words, meaning, random or MODEL@COLLECTION"
WordsChannel = Literal["form", "meaning"]
_WORDS: dict[str, WordsChannel] = {"words": "form", "meaning": "meaning"}
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
    if system in _WORDS:
        name, answers = system, _from_words(_WORDS[system], settings, asked)
    elif system == "model":
        name, answers = settings.model, _from_model(settings, asked)
    else:
        model, _, collection = system.rpartition("@")
        if not model:
            raise JudgementError(f"--systems: {system!r} is none of {SYSTEMS}")
        other = load_settings(model=model, device=settings.device, collection=collection)
        name, answers = system, _from_model(other, asked)
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


def _from_model(settings: Settings, asked: Asked) -> Answers:
    """Pictures are matched by content, so that a model may have indexed them under other names."""
    service = open_service(settings)
    try:
        answers = service.search_batch(list(asked.topics.values()), asked.depth)
        contents = {known.id: known.picture.content_hash for known in service.reader.scan()}
    finally:
        service.close()
    return {
        qid: _named((contents[number] for number in found.ids.tolist() if number in contents), asked.pictures)
        for qid, found in zip(asked.topics, answers, strict=True)
    }


def _from_words(channel: WordsChannel, settings: Settings, asked: Asked) -> Answers:
    """What is printed in the pictures, compared by its form (BM25) or by its meaning (a sentence encoder)."""
    reader = open_store(settings).reader()
    try:
        manifest = reader.manifest()
        if not manifest.words_fingerprint:
            raise JudgementError(
                f"collection {settings.collection!r} holds no words of its pictures: index the folder with its words"
            )
        questions = _words_questions(channel, asked, manifest.words_dim)
        found = reader.search(list(questions.values())) if questions else []
        contents = {known.id: known.picture.content_hash for known in reader.scan()}
    finally:
        reader.close()
    return {
        qid: _named((contents[number] for number in each.ids.tolist() if number in contents), asked.pictures)
        for qid, each in zip(questions, found, strict=True)
    }


def _words_questions(channel: WordsChannel, asked: Asked, dim: int) -> dict[str, VectorQuery]:
    """The queries for a channel; by form those without a word that could be printed are left out."""
    if channel == "form":
        terms = {qid: sparse_query(text) for qid, text in asked.topics.items()}
        return {qid: VectorQuery(each, asked.depth, channel="form") for qid, each in terms.items() if len(each.indices)}
    sentences = open_sentences()
    try:
        if sentences.dim != dim:
            raise JudgementError("the words of this collection were compared by another model: index its folder again")
        vectors = sentences.encode_sentences(list(asked.topics.values()))
    finally:
        sentences.close()
    return {
        qid: VectorQuery(vector, asked.depth, channel="meaning")
        for qid, vector in zip(asked.topics, vectors, strict=True)
    }


def _at_random(asked: Asked) -> Answers:
    every = each_content_once(asked.pictures)
    generator = np.random.default_rng(asked.seed)
    return {
        qid: [every[place] for place in generator.permutation(len(every))[: asked.depth].tolist()]
        for qid in asked.topics
    }
