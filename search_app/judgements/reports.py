"""What the store says as a whole: the labels of a round or of everything, and how well its people agree."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Literal

from search_app.judgements.agreement import Agreement, measure_agreement
from search_app.judgements.export import Labels, Locate, Merge, collect_labels
from search_app.judgements.rounds import Rounds
from search_app.judgements.store import JudgementStore
from search_app.judgements.values import Filter, Kind, Round, Source


@dataclass(frozen=True, slots=True)
class LabelsWanted:
    """Which judgements become labels, and how those of several people become one."""

    assessor: str | None = None
    """None: everybody, merged."""
    merge: Merge = "majority"
    source: Source | Literal["all"] = "judging"
    kind: Kind = "grade"
    round_id: str | None = None
    """Only what this round asks, wherever it was answered; its kind counts."""


def stored_labels(store: JudgementStore, wanted: LabelsWanted, locate: Locate) -> Labels:
    """Labels as they stand now; raises `NotFound` for an unknown round."""
    rounds = Rounds(store)
    only = rounds.get(wanted.round_id) if wanted.round_id is not None else None
    kind = only.kind if only else wanted.kind
    source = None if wanted.source == "all" else wanted.source
    recorded = store.each(Filter(assessor=wanted.assessor, source=source, kind=kind, asked_by=wanted.round_id))
    return collect_labels(recorded, kind, [only] if only else rounds.all(), wanted.merge, locate)


def round_agreement(rounds: Rounds, of: Round) -> Agreement:
    """Agreement over one round; in a round of categories each picture and category is a unit of its own, yes or no."""
    return measure_agreement({name: _units(rounds, of, name) for name in rounds.verdicts(of)})


def _units(rounds: Rounds, of: Round, assessor: str) -> dict[Hashable, int]:
    units: dict[Hashable, int] = {}
    for item in rounds.items(of, assessor):
        if item.recorded is None or item.recorded.judgement.verdict != "graded":
            continue
        judgement, content = item.recorded.judgement, item.picture.content_hash
        if of.kind == "category":
            units |= {(content, category): int(category in judgement.categories) for category in of.categories}
        else:
            units[item.query.text, content] = judgement.grade or 0
    return units
