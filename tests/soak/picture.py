"""Draws the report of a soak: `python -m tests.soak.picture REPORT.json PICTURE.png`."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

FIELDS = {"anonymous_mib": "memory, MiB", "handles": "file handles", "threads": "threads"}
COLOURS = {"service": "#1f6fb2", "engine": "#c8701f"}


def draw(report: dict[str, Any], file: Path) -> None:
    """Four panels over the minutes: memory, handles and threads of service and engine, and how long answers took."""
    from matplotlib.figure import Figure

    series = report["series"]
    minutes = np.array(series["at"]) / 60
    figure = Figure(figsize=(9, 7), layout="constrained")
    panels = figure.subplots(4, 1, sharex=True)
    for panel, (field, title) in zip(panels, FIELDS.items(), strict=False):
        for who, colour in COLOURS.items():
            panel.plot(minutes, [held[field] for held in series[who]], color=colour, linewidth=0.8, label=who)
        panel.set_ylabel(title)
        panel.set_ylim(bottom=0)
    panels[0].legend(loc="lower right", frameon=False)
    took = np.array(series["took"])
    panels[3].plot(took[:, 0] / 60, took[:, 1], ".", color="#555555", markersize=1.5)
    panels[3].set(ylabel="answer, ms", xlabel="minutes", yscale="log")
    for panel in panels:
        panel.axvspan(0, report["seconds"] * 0.2 / 60, color="#eeeeee")
    figure.savefig(file)


def main() -> int:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("picture", type=Path)
    arguments = parser.parse_args()
    draw(json.loads(arguments.report.read_text()), arguments.picture)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
