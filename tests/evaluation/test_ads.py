"""The ads' labels as test collections, on small files in their form and on the real ones where they are at hand."""

import json
from pathlib import Path

import pytest

from search_app.errors import EvaluationError
from search_app.evaluation.ads import (
    category_queries,
    majority,
    read_categories,
    read_labels,
    statement_queries,
)
from search_app.evaluation.trec import read_qrels, read_topics

LIST = (
    '9\t"Cars, automobiles (car sales, gas, etc.)" (ABBREVIATION: "cars")\r\n'
    '11\t"Phone, TV and internet service providers" (ABBREVIATION: "phone_tv_internet_providers")\r\n'
    '5\t"Pet food" (ABBREVIATION: "petfood")\r\n'
    '39\t"Unclear"\r\n'
)
ADS = Path(__file__).parents[3] / "shared" / "ads"


@pytest.fixture
def categories(tmp_path):
    path = tmp_path / "Topics_List.txt"
    path.write_bytes(LIST.encode("utf-16"))
    return read_categories(path)


def test_names_become_queries_without_what_stands_in_parentheses(categories):
    assert [(each.number, each.key, each.queries()) for each in categories] == [
        ("9", "cars", ["cars, automobiles", "cars", "automobiles"]),
        (
            "11",
            "phone_tv_internet_providers",
            ["phone, TV and internet service providers", "phone tv internet providers"],
        ),
        ("5", "petfood", ["pet food", "petfood"]),
        ("39", "unclear", ["unclear"]),
    ]


def test_the_list_may_be_utf_8_and_unquoted(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("1\tCars\n2\tIce cream\n", encoding="utf-8")
    assert [(each.key, each.name) for each in read_categories(path)] == [("cars", "cars"), ("ice_cream", "ice cream")]


def test_a_line_without_a_number_is_refused_with_its_place(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("1\tCars\nBuses\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"list\.txt, line 2: expected"):
        read_categories(path)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (["9", "9", "39"], "9"),
        (["9", "8"], None),
        (["9", "9", "8", "8"], None),
        (["9"], "9"),
        (["", "", "9"], None),
        ([], None),
    ],
)
def test_a_majority_is_more_than_half_of_the_annotators(entries, expected):
    assert majority(entries) == expected


def test_each_variation_of_a_category_finds_the_images_of_its_majority_label(categories):
    labels = {
        "0/1.jpg": ["9", "9", "5"],
        "0/2.jpg": ["9", "5", "11"],
        "0/3.jpg": ["5", "5", "5"],
        "0/4.jpg": ["39", "39", "39"],
        "0/5.jpg": ["9", "9", "9"],
    }
    collection = category_queries(categories, labels, ["0/1.jpg", "0/2.jpg", "0/3.jpg", "0/4.jpg", "unlabelled.jpg"])
    assert collection.topics == {
        "cars": "cars, automobiles",
        "cars.1": "cars",
        "cars.2": "automobiles",
        "petfood": "pet food",
        "petfood.1": "petfood",
    }
    assert collection.qrels.grades["cars"] == collection.qrels.grades["cars.2"] == {"0/1.jpg": 1}
    assert collection.qrels.grades["petfood"] == {"0/3.jpg": 1}


def test_statements_find_their_image_by_path_or_by_unique_file_name():
    statements = {"7.jpg": ["one", "", "two"], "b/8.jpg": ["three"], "8.jpg": ["whose?"], "9.jpg": ["not here"]}
    collection = statement_queries(statements, ["0/7.jpg", "a/8.jpg", "b/8.jpg"])
    assert collection.topics == {"7.1": "one", "7.2": "two", "b/8.1": "three"}
    assert collection.qrels.grades == {"7.1": {"0/7.jpg": 1}, "7.2": {"0/7.jpg": 1}, "b/8.1": {"b/8.jpg": 1}}


def test_label_files_are_checked_and_their_blanks_tidied(tmp_path):
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"a.jpg": [" two  words\n", ""]}), encoding="utf-8")
    assert read_labels(path) == {"a.jpg": ("two words", "")}
    for content, message in [("{", "is not a JSON file"), ("[]", "expected"), ('{"a": "b"}', "expected")]:
        path.write_text(content)
        with pytest.raises(EvaluationError, match=f"labels.json: {message}"):
            read_labels(path)


def test_a_collection_written_as_trec_files_reads_back(tmp_path):
    collection = statement_queries({"my ad.jpg": ["I should buy\tthis"]}, ["0/my ad.jpg"])
    collection.write(tmp_path / "statements")
    assert read_topics(tmp_path / "statements" / "topics.tsv") == {"my%20ad.1": "I should buy this"}
    assert read_qrels(tmp_path / "statements" / "qrels.txt").grades == {"my%20ad.1": {"0/my ad.jpg": 1}}


@pytest.mark.skipif(not ADS.is_dir(), reason="the real ads are not beside this checkout")
def test_the_real_labels_give_the_figures_they_are_known_for():
    images = sorted(path.relative_to(ADS / "images").as_posix() for path in (ADS / "images").rglob("*.jpg"))
    labels = read_labels(ADS / "Topics.json")
    categories = category_queries(read_categories(ADS / "Topics_List.txt"), labels, images)
    sizes = {qid: len(grades) for qid, grades in categories.qrels.grades.items()}
    assert (sizes["cars"], sizes["beauty"], sizes["clothing"], sizes["restaurant"]) == (72, 58, 48, 40)
    assert categories.topics["cars.1"] == "cars"
    assert "unclear" not in categories.topics
    assert sum(majority(labels[image]) is not None for image in images) == 354
    statements = statement_queries(read_labels(ADS / "QA_test_statements.json"), images)
    assert len(statements.topics) == 262
    assert len({path for grades in statements.qrels.grades.values() for path in grades}) == 68
