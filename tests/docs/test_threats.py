"""docs/security.md names a test for every threat, and every test it names is there."""

import ast
import re

import pytest

from search_app.api.guarding import bodies, gate
from search_app.search import query
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| **API")]
NAMED = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_\w+)`")


def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_all_ten_threats_are_there() -> None:
    assert [re.match(r"\| \*\*API(\d+)\*\*", row)[1] for row in ROWS] == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[4:9].strip("* "))
def test_each_threat_has_tests_that_exist(row: str) -> None:
    named = NAMED.findall(row)
    assert len(named) == row.count("`tests/") > 0
    assert [f"{path}::{name}" for path, name in named if name not in functions_of(path)] == []


def test_the_limits_are_those_of_the_code() -> None:
    for figure in (
        f"| {gate.MAX_HEAD_BYTES // 1024} KiB |",
        f"| {bodies.MAX_BODY_BYTES // 10**6} MB; {bodies.MAX_PICTURES_BYTES // 10**6} MB where",
        f"| {bodies.MOST_HELD_BYTES // 10**6} MB |",
        f"each {bodies.SLOW_LINE // 1000} kB",
        f"| {gate.MOST_WAITING} |",
        f"{query.MAX_TEXT_LENGTH:,} characters, {query.MAX_TERMS}, {query.MAX_CONDITIONS}, {query.MAX_VALUES:,}, ",
        f", {query.MAX_FACETS} |",
        f"{query.MAX_OFFSET:,}",
    ):
        assert figure in PAGE
