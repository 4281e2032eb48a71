"""A folder of label files, such as the one `load_data.sh` fills, as test collections over the pictures of an index."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from search_app.errors import EvaluationError
from search_app.evaluation.ads import (
    JudgedQueries,
    category_queries,
    majority,
    read_categories,
    read_labels,
    statement_queries,
)
from search_app.evaluation.slice_data import COLLECTION_SIZE, SliceQueries, read_slices

TOPICS = "Topics.json"
TOPICS_LIST = "Topics_List.txt"
STATEMENTS = ("QA_test_statements.json", "QA_Combined_Action_Reason_train.json")
"""The first that is there: a cleaned form of the challenge's test split, and the training split as it is published."""


@dataclass(frozen=True, slots=True)
class CollectionLabels:
    """What is known about the pictures of one index; a part without labels is None."""

    categories: JudgedQueries | None
    statements: JudgedQueries | None
    slices: SliceQueries | None
    """The committed slice queries, where the index holds just the ads that they were judged on."""
    topics: Mapping[str, str]
    """Path to the number of its majority topic."""
    owned: Mapping[str, Sequence[str]]
    """Path to its statements."""


def read_label_folder(folder: Path, images: Collection[str]) -> CollectionLabels:
    """Read the label files in `folder`, at any depth, as far as they are about `images` (paths in the index).

    A label file names a picture by its path or by a file name that only one picture of the index has. Raises
    `EvaluationError` where a file cannot be used and where no label is about any picture.
    """
    labels = _about(images, _read(folder, (TOPICS,)))
    statements = _about(images, _read(folder, STATEMENTS))
    lists = _find(folder, (TOPICS_LIST,))
    categories = category_queries(read_categories(lists), labels, images) if lists and labels else None
    if not (categories and categories.topics) and not statements:
        raise EvaluationError(
            f"{folder}: no label is about any of the {len(images)} pictures in the index; expected {TOPICS} with "
            f"{TOPICS_LIST}, or {' or '.join(STATEMENTS)}, naming pictures by their path under the indexed folder"
        )
    majorities = {path: topic for path, entries in labels.items() if (topic := majority(entries))}
    owned = {path: texts for path, entries in statements.items() if (texts := [each for each in entries if each])}
    return CollectionLabels(
        categories=categories if categories and categories.topics else None,
        statements=statement_queries(owned, images) if owned else None,
        slices=_slices(images),
        topics=majorities,
        owned=owned,
    )


def _slices(images: Collection[str]) -> SliceQueries | None:
    """The slice queries are judged on one whole collection: among other pictures unjudged ones would count as wrong."""
    slices = read_slices()
    judged = {path for grades in slices.qrels.grades.values() for path in grades}
    return slices if judged <= set(images) and len(images) <= COLLECTION_SIZE else None


def _find(folder: Path, names: Sequence[str]) -> Path | None:
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: no such folder; it should hold {TOPICS} and what belongs to it")
    for name in names:
        if found := sorted(folder.rglob(name), key=lambda path: (len(path.parts), path)):
            return found[0]
    return None


def _read(folder: Path, names: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    path = _find(folder, names)
    return read_labels(path) if path else {}


def _about(images: Collection[str], labels: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The labels by path in the index, in the order of the paths."""
    pictures, keys = (Counter(map(_file_name, names)) for names in (images, labels))
    by_name = {name: entries for key, entries in labels.items() if keys[name := _file_name(key)] == 1}
    found = {}
    for image in sorted(images):
        name = _file_name(image)
        entries = labels.get(image) or (by_name.get(name) if pictures[name] == 1 else None)
        if entries:
            found[image] = entries
    return found


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]
