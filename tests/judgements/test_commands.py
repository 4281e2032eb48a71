"""`judgements pool | import | export | rounds | agreement` as a user types them, over pictures of one colour each."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from search_app.cli.program import main
from search_app.datatypes import PrintedWords, Word, WordsPoint, WordsSpec
from search_app.encoders.stub import COLOURS, StubEncoder
from search_app.evaluation.trec import encode_path
from search_app.judgements.rounds import Rounds
from search_app.judgements.store import JudgementStore
from search_app.judgements.values import Round
from search_app.settings import load_settings
from search_app.wiring import open_sentences
from search_app.wiring_index import open_store
from search_app.words.bm25 import sparse_document
from tests.conftest import Done, search_app

STUB = {"SEARCH_MODEL": "stub", "SEARCH_WORDS": "off"}
PRINTED = {"red.png": "Summer sale", "green.png": "Winter sale", "blue.png": "Nothing to see"}


def run(home: Path, *arguments: object) -> Done:
    return search_app(*arguments, cwd=home, env=STUB)


def judgements(home: Path, *arguments: object) -> Done:
    return run(home, "judgements", *arguments)


def write_topics(home: Path, **topics: str) -> str:
    (home / "topics.tsv").write_text("".join(f"{qid}\t{text}\n" for qid, text in topics.items()), "utf-8")
    return "topics.tsv"


def round_of(home: Path, name: str) -> Round:
    store = JudgementStore(home / "qdrant_storage", encode_path)
    try:
        return Rounds(store).get(name)
    finally:
        store.close()


def asked(made: Round) -> dict[str, set[str]]:
    return {query.qid: {picture.path for picture in query.pictures} for query in made.queries}


def make_home(home: Path) -> Path:
    """A folder with an indexed picture for each colour."""
    (home / "pictures").mkdir()
    for name, colour in COLOURS.items():
        Image.new("RGB", (32, 32), colour).save(home / "pictures" / f"{name}.png")
    done = run(home, "index", "pictures")
    assert done.status == 0, done.err
    return home


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_home(tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, in which nothing was ever judged or asked."""
    return make_home(tmp_path_factory.mktemp("untouched"))


def print_words(home: Path) -> None:
    """Put words of three pictures into the index, as reading them would."""
    sentences = open_sentences()
    vectors = dict(zip(PRINTED, sentences.encode_sentences(list(PRINTED.values())), strict=True))
    store = open_store(load_settings(model="stub", index_dir=home / "qdrant_storage"))
    with store.writer(StubEncoder().spec, str(home / "pictures")) as writer:
        writer.open_words(WordsSpec(f"{sentences.fingerprint}-a-reader", sentences.dim))
        writer.update_words([
            WordsPoint(known.id, PrintedWords((Word(text, None, 1.0),), "ocr"), vectors[path], sparse_document(text))
            for known in writer.scan()
            for path, text in PRINTED.items()
            if path == known.picture.path
        ])  # fmt: skip
        writer.commit()
    sentences.close()


def test_candidates_come_from_the_model_the_words_and_another_collection(home: Path) -> None:
    print_words(home)
    (home / "elsewhere").mkdir()
    for name in ("green", "pink"):
        (home / "elsewhere" / f"{name} again.png").write_bytes((home / "pictures" / f"{name}.png").read_bytes())
    assert run(home, "index", "elsewhere", "--collection", "other").status == 0
    topics = write_topics(home, q1="red sale", q2="a  blue\x01 thing")
    for system, expected in {
        "model": {"q1": {"red.png"}, "q2": {"blue.png"}},
        "print": {"q1": {"red.png", "green.png"}},
        "stub@other": {"q1": {"green.png", "pink.png"}, "q2": {"green.png", "pink.png"}},
    }.items():
        depth = 1 if system == "model" else 2
        name = system.replace("@", "-")
        done = judgements(home, "pool", "--topics", topics, "--systems", system, "--depth", depth, "--name", name)
        assert done.status == 0, done.err
        found = asked(round_of(home, name))
        assert {qid: found[qid] for qid in expected} == expected
    every = ("--systems", "model", "fused", "print", "stub@other", "random", "--depth", 3)
    done = judgements(home, "pool", "--topics", topics, *every)
    assert "from stub, fused, print, stub@other, random" in done.out, done.err
    texts = [query.text for query in round_of(home, "topics").queries]
    assert texts == ["red sale", "a blue thing"], "as the service normalises what is judged"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--topics topics.tsv --systems print", "holds no words of its pictures"),
        (
            "--topics topics.tsv --systems nonsense",
            "'nonsense' is none of model, fused, print, random or",
        ),
        ("--topics topics.tsv --systems stub@nowhere", "nowhere"),
        ("--topics topics.tsv --depth 0", "--depth must be 1 or more"),
        ("--topics topics.tsv --sample 3", "--sample is for --categories"),
        ("--topics topics.tsv --seed -1", "--seed must be between"),
        ("--topics topics.tsv --name 狗", "has no letter"),
        ("--topics twice.tsv", "queries with the same words are judged once; keep one of each: q1, q3"),
        ("--topics long.tsv", "a query has 1 to 2000 characters"),
        ("--topics none.tsv", "cannot be read"),
        ("--topics topics.tsv --runs run.txt", "none of its pictures is in the index"),
        ("--categories list.txt --depth 3", "--depth are for --topics"),
    ],
)
def test_what_makes_no_round_is_said_and_nothing_is_stored(
    untouched: Path,
    arguments: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = untouched
    monkeypatch.chdir(home)
    monkeypatch.setenv("SEARCH_MODEL", "stub")
    write_topics(home, q1="red")
    (home / "twice.tsv").write_text("q1\ta red thing\nq2\tblue\nq3\ta  red thing\n")
    (home / "long.tsv").write_text(f"q1\t{'red ' * 600}\n")
    (home / "run.txt").write_text("q1 Q0 elsewhere.png 1 0.5 tag\n")
    (home / "list.txt").write_text("1\tred\n")
    assert main(["judgements", "pool", *arguments.split()]) == 2
    assert message in capsys.readouterr().err
    assert not (home / "qdrant_storage" / "judgements.sqlite").exists()


def test_judgements_outlive_a_rename_a_rebuild_and_a_new_index(home: Path) -> None:
    topics = write_topics(home, q1="red", q2="blue")
    (home / "qrels.txt").write_text("q1 0 red.png 2\nq1 0 pink.png 1\nq2 0 blue.png 2\nq2 0 red.png 0\n")
    done = judgements(home, "import", "--topics", topics, "--qrels", "qrels.txt", "--assessor", "  ann ")
    assert "4 judgements of ann\n" in done.out, done.err
    assert judgements(home, "pool", "--topics", topics, "--depth", len(COLOURS)).status == 0
    (home / "pictures" / "red.png").rename(home / "pictures" / "quite red.png")
    for again in ("--rebuild", "the collection is gone"):
        if again.startswith("--"):
            done = run(home, "index", "pictures", again)
        else:
            shutil.rmtree(home / "qdrant_storage" / "images")
            done = run(home, "index", "pictures")
        assert done.status == 0, done.err
        done = judgements(home, "export", "--qrels", "out.txt", "--topics", "out.tsv")
        assert done.status == 0, done.err
        assert (home / "out.tsv").read_text() == "q1\tred\nq2\tblue\n"
        assert set((home / "out.txt").read_text().splitlines()) == {
            "q1 0 quite%20red.png 2",
            "q1 0 pink.png 1",
            "q2 0 blue.png 2",
            "q2 0 quite%20red.png 0",
        }
    assert run(home, "evaluate", "--topics", "out.tsv", "--qrels", "out.txt").status == 0
    assert f"  ann: 4 of {2 * len(COLOURS)}\n" in judgements(home, "rounds").out


def test_what_is_missing_is_said(home: Path) -> None:
    assert "there are no rounds yet" in judgements(home, "rounds").out
    done = judgements(home, "agreement")
    assert (done.status, "there are no rounds yet" in done.err) == (2, True)
    done = judgements(home, "export", "--qrels", "q.txt", "--topics", "t.tsv")
    assert (done.status, "nothing was judged yet" in done.err) == (2, True)
    assert not (home / "qdrant_storage" / "judgements.sqlite").exists(), "asking makes no file"
    (home / "list.txt").write_text("1\tRed  things\n2\tBlue things\n")
    done = judgements(home, "pool", "--categories", "list.txt", "--sample", 4)
    assert "round list: 4 pictures into 2 categories, from the index" in done.out, done.err
    assert round_of(home, "list").categories == ("red things", "blue things")
