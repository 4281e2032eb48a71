"""Dashboard and alerts name what the service really exposes, and every alert has its page in the docs."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from fastapi.testclient import TestClient

from search_app.api.app import create_app
from search_app.api.observing.metrics import INCIDENTS, REFUSALS
from tests.conftest import ROOT
from tests.observing.reading import Scraped
from tests.search.colours import open_colours

ALERTS, SCRAPE = ROOT / "deploy" / "prometheus" / "alerts.yml", ROOT / "deploy" / "prometheus" / "scrape.yml"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "dashboard.json").read_text("utf-8"))
GUIDE = (ROOT / "docs" / "observing.md").read_text("utf-8")
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]
]
OF_PROMETHEUS = {"up": {"job", "instance"}}
ADDED = {"job", "instance"}
"""Labels that Prometheus adds to everything it scrapes."""
VALUES = {
    "reason": set(REFUSALS),
    "incident": set(INCIDENTS),
    "outcome": {"match", "no_match", "unranked"},
    "kind": {"words", "picture", "mixture"},
    "source": {"index", "memory"},
    "result": {"hit", "miss"},
    "change": {"added", "removed"},
    "answerable": {"yes", "no"},
    "quantile": {"0.1", "0.5", "0.9"},
    "route": {"/search", "/readyz"},
    "job": {"image-search"},
}
"""What a label can be, where an expression asks for one value of it."""


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    """Every series the service exposes, with its labels, after everything has happened once."""
    folder = tmp_path_factory.mktemp("exposed") / "pictures"
    with TestClient(create_app(lambda: open_colours(folder)[0])) as client:
        for _ in range(2):
            client.post("/search", json={"query": "red"})
        client.app.state.metrics.count_commit(1.0)
        labels = Scraped(client).labels()
        end = time.monotonic() + 60
        while "search_baseline_top_score" not in labels and time.monotonic() < end:
            labels = Scraped(client).labels()
    records = {rule["record"]: {"job", "collection", "model"} for rule in RULES if "record" in rule}
    return labels | OF_PROMETHEUS | records


@dataclass(frozen=True)
class Asked:
    """One expression and where it stands."""

    where: str
    expression: str
    legend: str = ""

    def parsed(self) -> promql.Expr:
        plain = self.expression.replace("$__rate_interval", "5m")
        return promql.parse(plain)


def expressions() -> Iterator[Asked]:
    for rule in RULES:
        yield Asked(rule.get("alert") or rule["record"], rule["expr"])
    for panel in DASHBOARD["panels"]:
        for number, target in enumerate(panel.get("targets", ())):
            yield Asked(f"{panel['title']}-{number}", target["expr"], target["legendFormat"])
    for note in DASHBOARD["annotations"]["list"]:
        yield Asked(note["name"], note["expr"], note["titleFormat"])


def selectors(expression: promql.Expr) -> list[promql.VectorSelector]:
    """Every place where an expression names a series."""
    found: list[promql.VectorSelector] = []

    def look(node: Any) -> None:
        match node:
            case promql.VectorSelector():
                found.append(node)
            case promql.MatrixSelector():
                found.append(node.vector_selector)
            case promql.BinaryExpr():
                look(node.lhs)
                look(node.rhs)
            case promql.Call():
                for argument in node.args:
                    look(argument)
            case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
                look(node.expr)
            case promql.NumberLiteral() | promql.StringLiteral():
                pass
            case _:
                raise AssertionError(type(node))

    look(expression)
    return found


@pytest.mark.parametrize("asked", list(expressions()), ids=lambda asked: asked.where)
def test_every_series_label_and_value_exists(asked: Asked, exposed: Mapping[str, set[str]]) -> None:
    named = selectors(asked.parsed())
    assert named
    for selector in named:
        assert selector.name in exposed, selector.name
        for matcher in selector.matchers.matchers:
            assert matcher.name in exposed[selector.name] | ADDED, matcher.name
            if matcher.name in VALUES and "$" not in matcher.value:
                assert set(matcher.value.split("|")) <= VALUES[matcher.name]
    # "by (...)", "on (...)" and the names in legends
    shown = re.findall(r"\{\{ ?(\w+) ?\}\}", asked.legend)
    grouped = re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", asked.expression)
    labels = {label.strip() for each in grouped for label in each.split(",") if label.strip()}
    every = set.union(*(exposed[str(selector.name)] for selector in named)) | ADDED
    assert labels <= every
    assert set(shown) <= (labels or every)


@pytest.mark.parametrize("rule", [rule for rule in RULES if "alert" in rule], ids=lambda rule: rule["alert"])
def test_every_alert_has_its_place_in_the_guide(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == "docs/observing.md"
    assert anchor == rule["alert"].lower()
    assert f"\n### {rule['alert']}\n" in GUIDE
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}


def test_the_guide_tells_of_no_alert_that_is_not_there() -> None:
    told = set(re.findall(r"^### (Search\w+)$", GUIDE, re.MULTILINE))
    assert told == {rule["alert"] for rule in RULES if "alert" in rule}


def test_the_guide_lists_every_series(exposed: Mapping[str, set[str]]) -> None:
    told = set(re.findall(r"`(search_[a-z_]+)`", GUIDE))
    ending = re.compile(r"_(bucket|count|sum)$")
    own = {ending.sub("", name) for name in exposed if name.startswith("search_")}
    assert told == own


def test_the_dashboard_fits_together() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?([a-z]\w*)", json.dumps(DASHBOARD)))
    assert used <= variables


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "rules", ALERTS),
        ("check", "config", SCRAPE),
        ("test", "rules", Path(__file__).with_name("alerts.test.yml")),
    ],
    ids=["rules", "scrape", "tests"],
)
def test_prometheus_itself_takes_them(arguments: tuple[object, ...]) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
