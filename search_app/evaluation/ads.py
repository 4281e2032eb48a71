"""The ads' label files as test collections: category queries by majority label, statements that find their image.

Reads the Pitt image ads' files (Hussain et al., CVPR 2017) and label files in the same form: `Topics.json` (path to
one entry a annotator), `Topics_List.txt` (number, tab, name; UTF-16 or UTF-8) and statements (name to sentences).
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from search_app.errors import EvaluationError
from search_app.evaluation.trec import Qrels, Topics, encode_path, write_qrels, write_topics

UNCLEAR = "unclear"
"""The topic of pictures whose annotators could not tell; nobody searches for it."""


@dataclass(frozen=True, slots=True)
class JudgedQueries:
    """Queries with their judgements: a test collection."""

    topics: Topics
    qrels: Qrels

    def write(self, folder: Path) -> None:
        """Write `topics.tsv` and `qrels.txt` into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        write_topics(folder / "topics.tsv", self.topics)
        write_qrels(folder / "qrels.txt", self.qrels)


@dataclass(frozen=True, slots=True)
class Category:
    """One line of the list of topics.

    `9<TAB>"Cars, automobiles (car sales, gas, etc.)" (ABBREVIATION: "cars")` has the name `cars, automobiles` and the
    key `cars`. What stands in parentheses belongs to the category but does not mean it, so it is no query for it.
    """

    number: str
    key: str
    name: str

    def queries(self) -> list[str]:
        """The name, then its variations: each synonym in it and the key in words.

        A name joined by "and" (`phone, TV and internet service providers`) falls apart into other meanings, so it
        stays whole.
        """
        synonyms = [] if " and " in self.name else self.name.split(", ")
        return list(dict.fromkeys([self.name, *synonyms, self.key.replace("_", " ")]))


def read_labels(path: Path) -> dict[str, tuple[str, ...]]:
    """Read `{name: [entry, ...]}`, the form of both the topics and the statements; raises `EvaluationError`."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise EvaluationError(f"{path}: is not a JSON file: {error}") from error
    if not isinstance(content, dict) or not all(_is_strings(entries) for entries in content.values()):
        raise EvaluationError(f'{path}: expected {{"NAME": ["entry", ...], ...}}')
    return {name: tuple(" ".join(text.split()) for text in entries) for name, entries in content.items()}


def read_categories(path: Path) -> list[Category]:
    """Read the list of topics, in the order of the file; raises `EvaluationError` naming file and line."""
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: is neither UTF-16 nor UTF-8") from error
    lines = enumerate(text.split("\n"), start=1)
    return [_category(line, f"{path}, line {number}") for number, line in lines if line.strip()]


def majority(entries: Sequence[str]) -> str | None:
    """The entry that more than half of the annotators gave, where there is one; blank entries are abstentions."""
    entry, votes = Counter(entries).most_common(1)[0] if entries else ("", 0)
    return entry if entry and 2 * votes > len(entries) else None


def category_queries(
    categories: Iterable[Category], labels: Mapping[str, Sequence[str]], images: Collection[str]
) -> JudgedQueries:
    """Each category's name and variations as queries; relevant are the images whose majority label it is.

    The query id is the category's key for its name and `KEY.1`, `KEY.2`, ... for the variations. Categories without
    an image among `images` (paths as the labels name them) and the unclear one give no query.
    """
    members: dict[str, dict[str, int]] = {}
    for image in sorted(images):
        members.setdefault(majority(labels.get(image, ())) or "", {})[image] = 1
    topics: dict[str, str] = {}
    grades: dict[str, Mapping[str, int]] = {}
    for category in categories:
        if category.number in members and category.key != UNCLEAR:
            for number, query in enumerate(category.queries()):
                qid = f"{category.key}.{number}" if number else category.key
                topics[qid], grades[qid] = query, members[category.number]
    return JudgedQueries(topics, Qrels(grades))


def statement_queries(statements: Mapping[str, Sequence[str]], images: Collection[str]) -> JudgedQueries:
    """Each statement as a query (`NAME.1`, `NAME.2`, ...) whose one relevant image is its own.

    A statement names its image by path or, as in the ads, by a file name that is unique among `images`; statements of
    other images are left out, blank ones too.
    """
    names = Counter(map(_file_name, images))
    paths = {_file_name(image): image for image in images if names[_file_name(image)] == 1}
    paths |= {image: image for image in images}
    topics: dict[str, str] = {}
    grades: dict[str, Mapping[str, int]] = {}
    for key, sentences in statements.items():
        image = paths.get(key) or paths.get(_file_name(key))
        for number, sentence in enumerate(filter(None, sentences if image else ()), start=1):
            qid = f"{encode_path(key.rsplit('.', 1)[0])}.{number}"
            topics[qid], grades[qid] = sentence, {str(image): 1}
    return JudgedQueries(topics, Qrels(grades))


_LINE = re.compile(r'(\d+)\t\s*"?([^"(]+?)\s*(?:\([^")]*\))?\s*"?\s*(?:\(ABBREVIATION:\s*"([^"]+)"\))?\s*')


def _category(line: str, place: str) -> Category:
    match = _LINE.fullmatch(line)
    if not match:
        raise EvaluationError(f'{place}: expected `NUMBER<TAB>"Name (examples)" (ABBREVIATION: "key")`')
    name = _uncapitalised(match[2])
    return Category(match[1], re.sub(r"\W+", "_", match[3] or name), name)


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _uncapitalised(name: str) -> str:
    """Lower the first letter of a sentence, not of an abbreviation such as TV."""
    return name if name[1:2].isupper() else name[:1].lower() + name[1:]


def _is_strings(entries: object) -> bool:
    return isinstance(entries, list) and all(isinstance(entry, str) for entry in entries)
