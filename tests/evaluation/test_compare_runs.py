"""`compare --runs`: the numbers of ir_measures, the files it writes, and what it refuses."""

import argparse
import json

import ir_measures
import numpy as np
import pytest
from PIL import Image

from search_app.cli.compare_runs import add_options, run
from search_app.errors import EvaluationError
from search_app.evaluation.trec import Qrels, Ranking, RunWriter, write_qrels, write_topics

NAMES = [f"my folder/{number}.png" for number in range(30)]
QIDS = [f"q{number}" for number in range(12)]


def invoke(*words):
    parser = argparse.ArgumentParser()
    add_options(parser)
    return run(parser.parse_args(list(map(str, words))))


@pytest.fixture
def files(tmp_path):
    """Qrels, topics and three runs: one that knows the grades, one at random, one that leaves out half of it."""
    random = np.random.default_rng(0)
    grades = {
        qid: {str(name): int(random.integers(0, 3)) for name in random.choice(NAMES, 8, replace=False)} for qid in QIDS
    }
    write_qrels(tmp_path / "qrels.txt", Qrels(grades))
    write_topics(tmp_path / "topics.tsv", {qid: f"words of {qid} <b>" for qid in QIDS})
    for run_name, knowledge, qids in (
        ("good", 2.0, QIDS),
        ("random", 0.0, QIDS),
        ("half", 2.0, [*QIDS[::2], "unjudged"]),
    ):
        with RunWriter(tmp_path / f"{run_name}.run", run_name) as writer:
            for qid in qids:
                scores = np.array([knowledge * grades.get(qid, {}).get(name, 0) + random.random() for name in NAMES])
                order = np.argsort(-scores)
                writer.write(qid, Ranking([NAMES[place] for place in order], scores[order]))
    return tmp_path


def test_the_numbers_are_those_of_ir_measures(files, capsys):
    names = ["P@5", "R@10", "RR", "AP", "nDCG@10", "Rprec"]
    runs = [files / f"{name}.run" for name in ("good", "random", "half")]
    out = files / "out.json"
    assert invoke("--runs", *runs, "--qrels", files / "qrels.txt", "--measures", *names, "--json", out) == 0
    content = json.loads(out.read_text(encoding="utf-8"))
    measures = [ir_measures.parse_measure(name) for name in names]
    qrels = list(ir_measures.read_trec_qrels(str(files / "qrels.txt")))
    for path in runs:
        answers = list(ir_measures.read_trec_run(str(path)))
        means = ir_measures.calc_aggregate(measures, qrels, answers)
        found = content["systems"][path.stem]
        for measure in measures:
            assert found["measures"][str(measure)]["value"] == pytest.approx(means[measure], abs=1e-9)
        for each in ir_measures.iter_calc(measures, qrels, answers):
            assert found["queries"][each.query_id][str(each.measure)] == pytest.approx(each.value, abs=1e-9)
    assert content["systems"]["half"]["counts"]["unanswered"] == 6
    assert content["systems"]["half"]["counts"]["without_qrels"] == 1
    pairs = {(each["first"], each["second"]) for each in content["comparison"]}
    assert pairs == {("good", "random"), ("good", "half"), ("random", "half")}
    for each in content["comparison"]:
        first, second = (
            content["systems"][each[side]]["measures"][each["measure"]]["value"] for side in ("first", "second")
        )
        assert each["difference"] == pytest.approx(first - second)
    printed = capsys.readouterr().out
    assert "good - random" in printed
    assert "6 judged queries without an answer, counted as zero" in printed
    assert max(map(len, printed.splitlines())) <= 120


def test_the_page_has_the_pictures_of_the_folder_and_none_outside_it(files):
    folder = files / "pictures"
    (folder / "my folder").mkdir(parents=True)
    for number, name in enumerate(NAMES):
        Image.new("RGB", (20, 20), (8 * number, 90, 90)).save(folder / name)
    secret = files / "secret.png"
    Image.new("RGB", (20, 20)).save(secret)
    escape = files / "escape.run"
    escape.write_text("".join(f"{qid} Q0 ../secret.png 1 2 t\n{qid} Q0 {secret} 2 1 t\n" for qid in QIDS))
    page = files / "out.html"
    arguments = ("--qrels", files / "qrels.txt", "--topics", files / "topics.tsv", "--html", page, "--pictures", folder)
    invoke("--runs", files / "good.run", files / "random.run", *arguments)
    text = page.read_text(encoding="utf-8")
    assert "words of q3 &lt;b&gt;" in text
    assert 10 < text.count("data:image/jpeg;base64,") <= 30
    invoke("--runs", escape, files / "half.run", *arguments)
    text = page.read_text(encoding="utf-8")
    assert "../secret.png" in text
    assert text.count("data:image/jpeg;base64,") <= 30
    assert not [line for line in text.splitlines() if "secret.png" in line and "<use" in line]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--runs", "good.run", "random.run"], "--runs needs --qrels"),
        (["--runs", "good.run", "--qrels", "qrels.txt"], "two run files or more"),
        (["--runs", "good.run", "good.run", "--qrels", "qrels.txt"], "names a file twice"),
        (["--runs", "good.run", "gone.run", "--qrels", "qrels.txt"], r"gone\.run: cannot be read"),
        (["--runs", "good.run", "other.run", "--qrels", "qrels.txt"], "other: no query id of this run"),
        (["--runs", "good.run", "random.run", "--qrels", "qrels.txt", "--pictures", "gone"], "no such folder"),
        (["--runs", "good.run", "random.run", "--qrels", "qrels.txt", "--measures", "Best"], "unknown measure"),
    ],
)
def test_wrong_use_is_answered_with_what_is_wrong(files, monkeypatch, words, message):
    monkeypatch.chdir(files)
    (files / "other.run").write_text("elsewhere Q0 a.jpg 1 1 t\n")
    with pytest.raises(EvaluationError, match=message):
        invoke(*words)


def test_runs_called_alike_are_told_apart_by_their_folders(files, capsys):
    (files / "old").mkdir()
    (files / "old" / "good.run").write_bytes((files / "random.run").read_bytes())
    invoke("--runs", files / "good.run", files / "old" / "good.run", "--qrels", files / "qrels.txt", "--measures", "AP")
    assert f"{files / 'old' / 'good.run'}\n" in capsys.readouterr().out
