"""Is an index what its manifest says, and what its model makes of the pictures on the disk?"""

import random
from collections.abc import Iterator

import numpy as np

from search_app.datatypes import EncoderSpec, FloatVector, Known
from search_app.encoders.base import Encoder
from search_app.errors import ImageError, IngestError, MissingDependency
from search_app.evaluation.selfcheck import Check
from search_app.images.decode import decode_bytes
from search_app.images.fingerprints import content_hash
from search_app.index.examined import Examined
from search_app.search.readiness import damaged_vector, one_vector_for_all
from search_app.sources.base import SERVING, Source
from search_app.sources.opening import open_source

SAME_PICTURE = {"fp32": 0.995, "bf16": 0.98, "int8": 0.97}
"""Least cosine between a stored vector and a new one of the same file; an index in bf16 may be searched in fp32."""
REBUILD = "run `python -m search_app index FOLDER --rebuild`"
INDEX_AGAIN = "run `python -m search_app index FOLDER`"
_SHOWN = 3
_FILES = "the pictures on the disk are those that were indexed"


def check_index(examined: Examined, encoder: Encoder, sample: int, max_pixels: int) -> Iterator[Check]:
    """Compare the index with its manifest, the model, and `sample` of its pictures' files; nothing is changed."""
    manifest = examined.manifest
    yield check_model(examined, encoder.spec)
    known = list(examined.pictures.scan())
    yield _check_ids(examined, known)
    drawn = random.Random().sample(known, min(sample, len(known)))  # noqa: S311 - others every time, on purpose
    stored = examined.pictures.vectors([one.id for one in drawn])
    yield _check_vectors(examined, drawn, stored)
    try:
        source = open_source(manifest.folder, SERVING)
    except (IngestError, MissingDependency) as error:
        remedy = "mount it, or index the folder where it is now"
        yield Check(_FILES, ok=False, detail=f"the folder {manifest.folder} is not there ({error})", remedy=remedy)
        return
    files = [(one, _file_problem(source, one)) for one in drawn]
    yield _check_files(files, manifest.folder)
    if manifest.fingerprint == encoder.spec.fingerprint:
        unchanged = [one for one, problem in files if not problem and one.id in stored]
        yield _check_again(unchanged, source, stored, encoder, max_pixels)


def check_model(examined: Examined, spec: EncoderSpec) -> Check:
    """Whether the index was made by the model that is asked for."""
    manifest, name = examined.manifest, "the index is of this model"
    if (manifest.fingerprint, manifest.dim) == (spec.fingerprint, spec.dim):
        return Check(name, ok=True, detail=f"fingerprint {spec.fingerprint[:12]}, {spec.dim} dimensions")
    other = "other weights or preprocessing under the same name" if manifest.model == spec.name else manifest.model
    remedy = f"set SEARCH_MODEL={manifest.model}, or {REBUILD}" if manifest.model != spec.name else REBUILD
    return Check(name, ok=False, detail=f"it was made by {other} ({manifest.fingerprint[:12]})", remedy=remedy)


def _check_ids(examined: Examined, known: list[Known]) -> Check:
    name, manifest = "the index holds what its manifest says", examined.manifest
    ids, paths = {one.id for one in known}, {one.picture.path for one in known}
    problem = ""
    if len(known) != manifest.count:
        problem = f"it lists {len(known)} pictures where {manifest.count} were committed"
    elif len(ids) != len(known) or len(paths) != len(known):
        problem = f"{len(known)} pictures have {len(ids)} ids and {len(paths)} paths"
    elif ids and max(ids) >= manifest.next_id:
        problem = f"it holds id {max(ids)}, but the next new one would be {manifest.next_id}"
    if problem:
        return Check(name, ok=False, detail=problem, remedy=REBUILD)
    return Check(name, ok=True, detail=f"{len(known)} pictures, generation {manifest.generation}")


def _check_vectors(examined: Examined, drawn: list[Known], stored: dict[int, FloatVector]) -> Check:
    name = "stored vectors are finite, of unit length and not all the same"
    missing = [one.picture.path for one in drawn if one.id not in stored]
    problem = f"{missing[0]} has no vector" if missing else damaged_vector(stored, examined.manifest)
    problem = problem or one_vector_for_all(examined.pictures, stored)
    return Check(name, ok=not problem, detail=problem or f"{len(stored)} looked at", remedy=REBUILD if problem else "")


def _file_problem(source: Source, known: Known) -> str:
    """What is wrong with the file of a picture; empty where it is the one that was indexed."""
    try:
        content = source.read(known.picture.ref)
    except ImageError as error:
        return f"{known.picture.path}: {error}"
    return "" if content_hash(content) == known.picture.content_hash else f"{known.picture.path} has changed"


def _check_files(files: list[tuple[Known, str]], folder: str) -> Check:
    problems = [problem for _, problem in files if problem]
    if problems:
        more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        detail = f"{len(problems)} of {len(files)}: {'; '.join(problems[:_SHOWN])}{more}"
        return Check(_FILES, ok=False, detail=detail, remedy=INDEX_AGAIN)
    return Check(_FILES, ok=True, detail=f"{len(files)} of {folder} looked at")


def _check_again(
    known: list[Known], source: Source, stored: dict[int, FloatVector], encoder: Encoder, max_pixels: int
) -> Check:
    """Embed some files again: a model that changed unseen and a vector that was damaged both show."""
    name = "files embedded again have the vectors that are stored"
    least = SAME_PICTURE.get(encoder.spec.precision, min(SAME_PICTURE.values()))
    worst, where = 1.0, ""
    for one in known:
        try:
            data = source.read(one.picture.ref)
            image = decode_bytes(data, min_size=encoder.spec.image_size, max_pixels=max_pixels)
        except ImageError as error:
            return Check(name, ok=False, detail=f"{one.picture.path}: {error}", remedy=INDEX_AGAIN)
        vector = encoder.encode_images(encoder.prepare(image.image)[None])[0]
        cosine = float(np.dot(vector, stored[one.id]))
        if not cosine >= worst:  # NaN is the worst
            worst, where = cosine, one.picture.path
    detail = f"{len(known)} files, least cosine {worst:.5f}"
    if not known:
        return Check(name, ok=None, detail="no file that is as it was indexed was looked at")
    if worst >= least:
        return Check(name, ok=True, detail=detail)
    return Check(name, ok=False, detail=f"{detail} at {where}, at least {least} wanted", remedy=REBUILD)
