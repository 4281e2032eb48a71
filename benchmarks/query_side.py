"""What can be done to a query before it is asked, measured: `python -m benchmarks.query_side ADS [--index DIR]`.

Templates around the text, spelling mistakes and their cure, other languages, and "X without Y"; each against the query
as it stands, with paired tests. Writes the tables of docs/query-side.md.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.channels import asked_ads, read_channels
from benchmarks.query_measuring import World, against, mean, read_world, search_of, systems, table, together
from benchmarks.query_mistakes import Mistakes, everything_table, grams_table, kind_table, spelling_table
from benchmarks.query_negation import negation_table
from benchmarks.relevance import ROOT
from benchmarks.tables import put
from search_app.evaluation.ads import JudgedQueries
from search_app.evaluation.runner import Search
from search_app.evaluation.trec import Qrels

DOCS = ROOT / "docs" / "query-side.md"
LANGUAGES = Path(__file__).with_name("query_languages.tsv")
SEEN = ("categories", "object", "attribute", "counting", "abstract")
"""What pictures can answer; print answers the rest."""
TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "the text": ("{}",),
    "a photo of": ("a photo of {}",),
    "an advertisement for": ("an advertisement for {}",),
    "text and photo": ("{}", "a photo of {}"),
    "eight together": (
        *("{}", "a photo of {}", "a picture of {}", "an image of {}", "an advertisement for {}"),
        *("a poster showing {}", "a close-up of {}", "a drawing of {}"),
    ),
}


def main() -> int:
    """Try, compare, write."""
    with asked_ads(__doc__) as (ads, service):
        world = read_world(service, ads)
        put(DOCS, "templates", template_table(world))
        put(DOCS, "languages", language_table(world))
        put(DOCS, "negation", negation_table(world))
        mistakes = Mistakes.made(world)
        put(DOCS, "spelling", spelling_table(mistakes))
        put(DOCS, "spelling by kind", kind_table(mistakes))
        put(DOCS, "grams", grams_table(mistakes, world))
        put(DOCS, "grams everywhere", everything_table(world))
    return 0


# --- templates


def template_table(world: World) -> str:
    """The picture channel alone: each template in each kind, and over all kinds against the text as it stands."""
    vectors = world.service.reader.vectors(world.ids)
    pictures = np.stack([vectors[number] for number in world.ids])
    parts = [world.kinds[name] for name in SEEN]
    short, statements = together(*parts), together(world.kinds["statements"], measure="RR")
    texts = [*short.queries.topics.values(), *statements.queries.topics.values()]
    searches = {name: _templated(world, texts, forms, pictures) for name, forms in TEMPLATES.items()}
    tolds, reports = [], []
    for trial in (short, statements):
        found = {name: trial.report(search) for name, search in searches.items()}
        base = found["the text"]
        tolds.append(against(base, {name: each for name, each in found.items() if each is not base}, trial))
        reports.append(found)
    rows = [
        [
            name,
            *(mean(together(part).report(search)) for part in parts),
            *(
                cell
                for found, told in zip(reports, tolds, strict=True)
                for cell in (mean(found[name]), told.get(name, ""))
            ),
        ]
        for name, search in searches.items()
    ]
    asked = f"{len(short.queries.topics)} short queries by nDCG@10, {len(statements.queries.topics)} statements by RR."
    head = ["query", *SEEN, "all short", "difference", "statements", "difference"]
    return f"{asked}\n\n{table(head, rows)}"


def _templated(world: World, texts: list[str], forms: tuple[str, ...], pictures: np.ndarray) -> Search:
    vectors = np.sum([world.service.queries.texts([form.format(text) for text in texts]) for form in forms], axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = {text: row for row, text in enumerate(texts)}
    return search_of(world.paths, rows, (vectors @ pictures.T).astype(np.float64))


# --- languages


def language_table(world: World) -> str:
    """The same queries in four languages; differences are to English."""
    with LANGUAGES.open(encoding="utf-8", newline="") as file:
        translated = list(csv.reader(file, delimiter="\t"))
    english = {qid: text for part in world.kinds.values() for qid, text in part.topics.items()}
    grades = {qid: each for part in world.kinds.values() for qid, each in part.qrels.grades.items()}
    qids = dict.fromkeys(qid for qid, _, _ in translated)
    forms = {"English": {qid: english[qid] for qid in qids}}
    for code, language in (("de", "German"), ("fr", "French"), ("es", "Spanish")):
        forms[language] = {qid: text for qid, spoken, text in translated if spoken == code}
    trial = together(JudgedQueries(forms["English"], Qrels({qid: grades[qid] for qid in qids})))
    channels = read_channels(world.service, [text for form in forms.values() for text in form.values()])
    lines = []
    for system, scores in systems(channels).items():
        search = search_of(channels.paths, channels.rows, scores)
        found = {language: trial.report(search, texts) for language, texts in forms.items()}
        told = against(found["English"], {name: each for name, each in found.items() if name != "English"}, trial)
        lines.append([system, *(f"{mean(report)} {told.get(name, '')}".strip() for name, report in found.items())])
    return f"{len(qids)} queries, nDCG@10.\n\n{table(['system', *forms], lines)}"


if __name__ == "__main__":
    raise SystemExit(main())
