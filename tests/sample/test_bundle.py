"""The bundled sample: complete, credited, varied, small."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from sample.compose.posters import SIZES, Poster, load_posters
from sample.compose.workshop import TEXTS
from search_app.evaluation.ads import Category, category_queries, majority, read_categories, read_labels
from search_app.evaluation.trec import read_qrels, read_topics

SAMPLE = Path(__file__).parents[2] / "sample"
IMAGES = SAMPLE / "images"
BIG_TOPICS = (
    "beauty",
    "cars",
    "clothing",
    "coffee",
    "drinks",
    "food",
    "garden",
    "home",
    "kitchen",
    "pets",
    "sports",
    "sweets",
)


def images() -> list[str]:
    return sorted(path.relative_to(IMAGES).as_posix() for path in IMAGES.rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def posters() -> dict[str, Poster]:
    return {poster.path: poster for poster in load_posters(TEXTS / "posters")}


@pytest.fixture(scope="module")
def categories() -> dict[str, Category]:
    return {category.number: category for category in read_categories(SAMPLE / "Topics_List.txt")}


def test_pictures_poster_list_and_labels_name_the_same_files(posters: dict[str, Poster]) -> None:
    statements = json.loads((SAMPLE / "QA_test_statements.json").read_text(encoding="utf-8"))
    assert images() == sorted(posters) == sorted(read_labels(SAMPLE / "Topics.json"))
    assert sorted(path.rsplit("/", 1)[-1] for path in images()) == sorted(statements)


def test_labels_say_what_the_poster_list_says(posters: dict[str, Poster], categories: dict[str, Category]) -> None:
    topics = read_labels(SAMPLE / "Topics.json")
    statements = read_labels(SAMPLE / "QA_test_statements.json")
    for path, poster in posters.items():
        assert topics[path] == poster.topics
        assert statements[poster.name] == poster.statements
        assert len(topics[path]) == 3
        assert set(topics[path]) <= categories.keys()


def test_statements_have_the_form_of_the_ads() -> None:
    for name, sentences in read_labels(SAMPLE / "QA_test_statements.json").items():
        assert sentences, name
        for sentence in sentences:
            assert sentence.startswith("I should "), sentence
            assert " because " in sentence, sentence


def test_there_are_enough_topics_and_posters_to_each() -> None:
    folders = Counter(path.split("/")[0] for path in images())
    topics = {majority(entries) for entries in read_labels(SAMPLE / "Topics.json").values()} - {None}
    assert 100 <= sum(folders.values()) <= 150
    assert len(topics) >= 12
    assert {topic: folders[topic] for topic in BIG_TOPICS if folders[topic] < 8} == {}
    assert folders["cars"] >= 10


def test_the_list_of_topics_keeps_the_form_of_the_ads() -> None:
    raw = (SAMPLE / "Topics_List.txt").read_bytes()
    assert raw.startswith(b"\xff\xfe")
    lines = raw.decode("utf-16").split("\r\n")
    assert lines.pop() == ""
    assert all(line.count("\t") == 1 and "\n" not in line for line in lines)


def test_the_test_collection_is_that_of_the_labels(categories: dict[str, Category]) -> None:
    expected = category_queries(categories.values(), read_labels(SAMPLE / "Topics.json"), images())
    assert read_topics(SAMPLE / "topics.tsv") == expected.topics
    assert read_qrels(SAMPLE / "qrels.txt").grades == expected.qrels.grades


def test_every_poster_and_each_of_its_parts_is_credited(posters: dict[str, Poster]) -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (SAMPLE / "CREDITS.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and not line.startswith("|---")
    ]
    parts = {row[0]: row for row in rows if len(row) == 4}
    sheets = {row[0]: row for row in rows if len(row) == 3}
    for path, poster in posters.items():
        assert sheets[path][1] == ", ".join(poster.objects)
        binding = {parts[name][3] for name in poster.objects if "CC BY" in parts[name][3]}
        assert all(licence in sheets[path][2] for licence in binding)
        assert ("CC0" in sheets[path][2]) == (not binding)
        assert all(parts[name][2] and "](https://" in parts[name][3] for name in poster.objects)


def test_the_pictures_stay_within_eight_megabytes() -> None:
    assert sum((IMAGES / path).stat().st_size for path in images()) <= 8_000_000


def test_no_two_pictures_are_alike() -> None:
    hashes = {hashlib.sha256((IMAGES / path).read_bytes()).hexdigest() for path in images()}
    assert len(hashes) == len(images())


def test_every_picture_decodes_in_its_format_and_size(posters: dict[str, Poster]) -> None:
    formats = Counter[str | None]()
    for path in images():
        with Image.open(IMAGES / path) as picture:
            picture.load()
            assert picture.size == posters[path].size
            formats[picture.format] += 1
            assert Image.registered_extensions()[Path(path).suffix] == picture.format
    assert set(formats) == {"JPEG", "PNG", "WEBP"}
    assert {poster.size for poster in posters.values()} == set(SIZES.values())


def test_some_posters_have_no_words_and_some_contradict_their_picture(posters: dict[str, Poster]) -> None:
    wordless = [path for path, poster in posters.items() if poster.wordless]
    contradicting = [path for path in posters if path.startswith("odd/")]
    assert len(wordless) >= 3
    assert len(contradicting) >= 3
    assert all(majority(posters[path].topics) is None for path in contradicting)


def test_the_readme_names_the_wordless_posters(posters: dict[str, Poster]) -> None:
    text = (SAMPLE / "README.md").read_text(encoding="utf-8")
    assert all(path in text for path, poster in posters.items() if poster.wordless)
