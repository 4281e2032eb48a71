"""Draws docs/pictures/dashboard.png: panels of the Grafana dashboard over a real load, evaluated by Prometheus itself.

Needs prometheus (Debian: `apt-get install prometheus`), requirements-dev.txt and an index made with `lite` in HOME. The
load is made up: queries of the sample's topics, half of them asked again, pictures, and later words that mean nothing.
"""

import argparse
import contextlib
import json
import random
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.speed.results import note
from benchmarks.speed.services import ROOT, Running, free_port, ours, serving

DASHBOARD = ROOT / "deploy" / "grafana" / "dashboard.json"
PICTURE = ROOT / "docs" / "pictures" / "dashboard.png"
SHOWN = (
    "Requests by status",
    "How long searches take",
    "Where a query's time goes",
    "Queries by kind",
    "Answered from memory",
    "Nothing relevant",
    "Best score of queries in words",
    "Searches that run and wait",
    "Turned away",
)
_STEP_S = 2


def main() -> None:
    """Ask, evaluate and draw."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks dashboard", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder with an index of the sample, made with lite")
    parser.add_argument("--seconds", type=int, default=180, help="of load (default 180)")
    arguments = parser.parse_args()
    if shutil.which("prometheus") is None:
        raise SystemExit("prometheus is not installed: apt-get install prometheus")
    with serving(ours(), arguments.home.resolve(), SEARCH_MODEL="lite") as service, prometheus(service.port) as url:
        began = time.time()
        note(f"asking for {arguments.seconds} s")
        ask(service, arguments.seconds)
        panels = {panel["title"]: panel for panel in json.loads(DASHBOARD.read_text("utf-8"))["panels"]}
        drawn = [(panels[title], list(lines(url, panels[title], began))) for title in SHOWN]
    draw(drawn, began)
    note(f"{PICTURE.name} is drawn")


@contextlib.contextmanager
def prometheus(target: int) -> Iterator[str]:
    """A Prometheus that scrapes the service each second."""
    with tempfile.TemporaryDirectory() as folder:
        port, config = free_port(), Path(folder) / "prometheus.yml"
        job = {"job_name": "image-search", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
        config.write_text(json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}), "utf-8")
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def ask(service: Running, seconds: int) -> None:
    """The load, by one client: in the last third half of the queries are no words."""
    topics = [line.partition("\t")[2] for line in (ROOT / "sample" / "topics.tsv").read_text("utf-8").splitlines()]
    chance = random.Random(1)  # noqa: S311 - a load, no secret
    client, end = service.client(), time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        query = chance.choice(topics)
        if left < seconds / 3 and chance.random() < 0.5:
            query = "".join(chance.choices("bcdfghjklmnpqrstvwxz", k=12))
        elif chance.random() < 0.5:
            query += f" {chance.randrange(10_000)}"
        client.post(query)
        if chance.random() < 0.3:
            client.get(query)
        if chance.random() < 0.2:
            client.ask("GET", f"/images/{chance.randrange(1, 100)}/similar")
        time.sleep(chance.random() * 0.1)


def lines(url: str, panel: dict[str, Any], began: float) -> Iterator[tuple[str, list[tuple[float, float]]]]:
    """Name and points of each line of a panel."""
    for target in panel["targets"]:
        expression = target["expr"].replace("$__rate_interval", "20s").replace("[1h]", "[40s]")
        expression = expression.replace("$job", ".*").replace("$collection", ".*")
        asked = {"query": expression, "start": began + 10, "end": time.time(), "step": _STEP_S}
        with urllib.request.urlopen(f"{url}/api/v1/query_range?{urllib.parse.urlencode(asked)}") as answer:
            found = json.load(answer)["data"]["result"]
        for series in found:
            name = target["legendFormat"]
            for label, value in series["metric"].items():
                name = name.replace("{{" + label + "}}", value)
            yield name, [(float(at), float(value)) for at, value in series["values"]]


def draw(panels: list[tuple[dict[str, Any], list[tuple[str, list[tuple[float, float]]]]]], began: float) -> None:
    """A grid of panels, as Grafana would lay them out, without its looks."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(3, 3, figsize=(14, 9), layout="constrained")
    for axis, (panel, drawn) in zip(axes.flat, panels, strict=True):
        for name, points in drawn:
            if any(value == value and value for _, value in points):  # noqa: PLR0124 - NaN is unlike itself
                axis.plot([at - began for at, _ in points], [value for _, value in points], label=name, lw=1.2)
        axis.set_title(panel["title"], fontsize=10)
        axis.set_ylim(bottom=0)
        axis.set_ylabel(panel["fieldConfig"]["defaults"]["unit"], fontsize=8)
        axis.tick_params(labelsize=8)
        axis.grid(alpha=0.3)
        if axis.lines:
            axis.legend(fontsize=7)
        else:
            axis.text(0.5, 0.5, "nothing", ha="center", transform=axis.transAxes, fontsize=9, color="grey")
    figure.supxlabel("seconds", fontsize=9)
    figure.savefig(PICTURE, dpi=80)


if __name__ == "__main__":
    main()
