"""Queries with spelling mistakes, put to every system: what a mistake costs and what a cure gives back."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.channels import Channels, read_channels
from benchmarks.query_measuring import Trial, World, against, fused, mean, search_of, systems, table, together
from benchmarks.query_spelling import KINDS, Corrector, grams_scores, letter_grams, misspelt, printed_words, usual_words
from search_app.evaluation.ads import JudgedQueries
from search_app.evaluation.trec import Qrels
from search_app.words.tokens import tokenize

SLICES = ("object", "attribute", "counting", "abstract", "printed", "brand")
GRAMS = (0.25, 0.5, 1.0)
"""Weights of the 3-grams beside the words."""


@dataclass(frozen=True)
class Mistakes:
    """Queries with a mistake each, three to a query, and every form of them that is asked."""

    trial: Trial
    slices: Mapping[str, str]
    kinds: Mapping[str, str]
    forms: Mapping[str, Mapping[str, str]]
    """Name of a form to query id to text."""
    cost: str
    """What correcting took, in words."""
    channels: Channels

    @classmethod
    def made(cls, world: World) -> "Mistakes":
        """Make the mistakes, correct them, and ask every channel."""
        right, wrong, grades, slices, kinds = {}, {}, {}, {}, {}
        for name in SLICES:
            for qid, text in world.kinds[name].topics.items():
                for kind in KINDS:
                    if mistake := misspelt(qid, text, kind):
                        key = f"{qid} {kind}"
                        right[key], wrong[key], grades[key] = text, mistake, world.kinds[name].qrels.grades[qid]
                        slices[key], kinds[key] = name, kind
        printed = printed_words(world.printed)
        began = time.perf_counter()
        by_print, by_both = Corrector(printed), Corrector(printed, usual_words())
        built = time.perf_counter() - began
        forms = {
            "right": right,
            "misspelt": wrong,
            "misspelt, corrected by print": {key: by_print.correct(text) for key, text in wrong.items()},
            "misspelt, corrected by print and MiniLM's words": {
                key: by_both.correct(text) for key, text in wrong.items()
            },
            "right, corrected by print": {key: by_print.correct(text) for key, text in right.items()},
            "right, corrected by print and MiniLM's words": {key: by_both.correct(text) for key, text in right.items()},
        }
        began = time.perf_counter()
        for text in wrong.values():
            by_both.correct(text)
        each = (time.perf_counter() - began) / len(wrong)
        cost = f"Both made in {built:.1f} s, {each * 1e6:.0f} microseconds a query"
        texts = dict.fromkeys(text for form in forms.values() for text in form.values())
        trial = together(JudgedQueries(right, Qrels(grades)))
        return cls(trial, slices, kinds, forms, cost, read_channels(world.service, list(texts)))

    def only(self, chosen: Mapping[str, str], *names: str) -> Trial:
        """The trial of some slices or kinds."""
        keys = [key for key, name in chosen.items() if name in names]
        queries = self.trial.queries
        part = JudgedQueries(
            {key: queries.topics[key] for key in keys}, Qrels({key: queries.qrels.grades[key] for key in keys})
        )
        return replace(self.trial, queries=part)


def spelling_table(mistakes: Mistakes) -> str:
    """Each system with each form of the queries: right ones against right ones, misspelt against misspelt ones."""
    paths, rows = mistakes.channels.paths, mistakes.channels.rows
    lines = []
    for system, scores in systems(mistakes.channels).items():
        search = search_of(paths, rows, scores)
        found = {name: mistakes.trial.report(search, texts) for name, texts in mistakes.forms.items()}
        told = against(
            found["right"], {name: found[name] for name in found if name.startswith("right,")}, mistakes.trial
        )
        told |= against(found["right"], {"misspelt": found["misspelt"]}, mistakes.trial)
        corrected = {name: found[name] for name in found if name.startswith("misspelt,")}
        told |= against(found["misspelt"], corrected, mistakes.trial)
        lines += [[system, name, mean(report), told.get(name, "")] for name, report in found.items()]
    right, changed = mistakes.forms["right"], []
    for name, texts in mistakes.forms.items():
        if name.startswith("misspelt,"):
            restored = sum(texts[key].lower() == right[key].lower() for key in right)
            changed.append(f"{restored} of {len(right)} ({name.removeprefix('misspelt, ')})")
        if name.startswith("right,"):
            spoilt = len({right[key] for key in right if texts[key] != right[key]})
            changed.append(
                f"{spoilt} of {len(set(right.values()))} right ones changed ({name.removeprefix('right, ')})"
            )
    asked = f"{len(right)} misspelt queries. Mistakes put right: {'; '.join(changed)}. {mistakes.cost}."
    return f"{asked}\n\n{table(['system', 'queries', 'nDCG@10', 'difference'], lines)}"


def kind_table(mistakes: Mistakes) -> str:
    """What a mistake costs each system in each slice and by each kind of mistake."""
    head = ["system", *SLICES, *KINDS]
    lines = []
    for system, scores in systems(mistakes.channels).items():
        search = search_of(mistakes.channels.paths, mistakes.channels.rows, scores)
        cells = []
        for trial in _parts(mistakes):
            right, wrong = (
                trial.report(search, {key: mistakes.forms[form][key] for key in trial.queries.topics})
                for form in ("right", "misspelt")
            )
            cells.append(f"{mean(right)} → {mean(wrong)}")
        lines.append([system, *cells])
    return table(head, lines)


def _parts(mistakes: Mistakes) -> Iterator[Trial]:
    yield from (mistakes.only(mistakes.slices, name) for name in SLICES)
    yield from (mistakes.only(mistakes.kinds, kind) for kind in KINDS)


def grams_table(mistakes: Mistakes, world: World) -> str:
    """The words by form with 3-grams beside them, alone and together with the other channels."""
    channels, trial = mistakes.channels, mistakes.only(mistakes.slices, "printed", "brand")
    grams = grams_scores(world.printed, list(channels.rows))
    forms = {"words": channels.form, "3-grams": grams}
    forms |= {f"words and {weight:g} 3-grams": channels.form + weight * grams for weight in GRAMS}
    lines = []
    for alone, asked in ((True, "form"), (False, "fused")):
        found = {}
        for name, form in forms.items():
            scores = np.where(form > 0, form, np.nan) if alone else fused(channels, form)
            search = search_of(channels.paths, channels.rows, scores)
            found[name] = [
                trial.report(search, {key: mistakes.forms[kind][key] for key in trial.queries.topics})
                for kind in ("right", "misspelt")
            ]
        tolds = [
            against(found["words"][at], {name: each[at] for name, each in found.items() if name != "words"}, trial)
            for at in (0, 1)
        ]
        lines += [
            [asked, name, *(cell for at in (0, 1) for cell in (mean(each[at]), tolds[at].get(name, "")))]
            for name, each in found.items()
        ]
    return table(["system", "terms", "right", "difference", "misspelt", "difference"], lines)


def everything_table(world: World) -> str:
    """All channels together with 3-grams by form, over everything that is asked without a mistake."""
    names = ("categories", *SLICES)
    short = together(*(world.kinds[name] for name in names))
    statements = together(world.kinds["statements"], measure="RR")
    texts = dict.fromkeys([*short.queries.topics.values(), *statements.queries.topics.values()])
    channels = read_channels(world.service, list(texts))
    grams = grams_scores(world.printed, list(texts))
    forms = {"words": channels.form, "3-grams": grams, "half of each": (channels.form + grams) / 2}
    forms |= {f"words and {weight:g} 3-grams": channels.form + weight * grams for weight in GRAMS}
    searches = {name: search_of(channels.paths, channels.rows, fused(channels, form)) for name, form in forms.items()}
    found = {name: (short.report(search), statements.report(search)) for name, search in searches.items()}
    tolds = [
        against(found["words"][at], {name: each[at] for name, each in found.items() if name != "words"}, trial)
        for at, trial in ((0, short), (1, statements))
    ]
    lines = [
        [
            name,
            *(mean(together(world.kinds[kind]).report(search)) for kind in names),
            *(cell for at in (0, 1) for cell in (mean(found[name][at]), tolds[at].get(name, ""))),
        ]
        for name, search in searches.items()
    ]
    terms = [np.mean([len(set(cut(text))) for text in world.printed]) for cut in (tokenize, letter_grams)]
    size = f"A picture has {terms[0]:.0f} different words and {terms[1]:.0f} different 3-grams on average."
    head = ["form", *names, "all short", "difference", "statements", "difference"]
    return f"{size}\n\n{table(head, lines)}"
