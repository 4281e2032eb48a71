"""`index --into`, `compare --collections`, `alias` and `collections`, as a user types them: the page in docs/ runs."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from search_app.cli.program import main
from tests.conftest import ROOT, SAMPLE

BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)
KINDS = ("cars", "sweets")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in a folder with a few pictures of the sample; gives status, output and errors."""
    monkeypatch.setenv("SEARCH_WORDS", "off")
    monkeypatch.setenv("SEARCH_MODEL", "stub")
    topics = json.loads((ROOT / "sample" / "Topics.json").read_text("utf-8"))
    chosen = {path: labels for path, labels in topics.items() if path.startswith(KINDS)}
    for path in chosen:
        (tmp_path / "sample" / "images" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SAMPLE / path, tmp_path / "sample" / "images" / path)
    (tmp_path / "sample" / "Topics.json").write_text(json.dumps(chosen), "utf-8")
    shutil.copyfile(ROOT / "sample" / "Topics_List.txt", tmp_path / "sample" / "Topics_List.txt")

    def run(*words: str) -> tuple[int, str, str]:
        status = main(words)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_the_story_of_the_page_runs_as_it_is_written(run: Run) -> None:
    page = (ROOT / "docs" / "collections.md").read_text("utf-8")
    block = next(one for one in BLOCK.findall(page) if "alias switch" in one)
    said: dict[str, str] = {}
    for line in block.splitlines():
        words = shlex.split(line.split("  #")[0])[3:]
        status, out, err = run(*words)
        assert status == 0, err
        said[" ".join(words[:2])] = out
    assert "images-v2" in said["collections"] if "collections" in said else True
    assert (
        "nobody is answered from it yet: `python -m search_app alias switch images-v2`" in said["index sample/images"]
    )
    table = said["compare --collections"]
    assert re.search(r"^images +stub +16 ", table, re.MULTILINE)
    assert re.search(r"^images-v2 +lite +384 ", table, re.MULTILINE)
    assert re.search(r"^nDCG@10 .*\d", table, re.MULTILINE)
    assert said["alias list"] == "images -> images-v2  (before: images)\n"
    assert "cars/" in said["search a red car"]
    assert said["alias back"] == "images stands for images again\n"
    assert run("collections", "--json")[1].count('"collection"') == 1


def test_the_model_goes_with_the_collection_unless_it_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("index", "sample/images", "--model", "lite", "--into", "images-v2")
    run("alias", "switch", "images-v2")
    assert run("info", "--field", "model") == (0, "lite\n", "")
    assert run("search", "a red car", "--limit", "1")[0] == 0
    status, out, _ = run("index", "sample/images")
    assert (status, "0 embedded" in out, "'images-v2' holds" in out) == (0, True, True)
    for words in (("search", "a red car"), ("index", "sample/images")):
        status, _, err = run(*words, "--model", "stub")
        assert status == 2
        assert "made by" in err
    monkeypatch.setenv("SEARCH_COLLECTION", "images-v2")
    status, _, err = run("search", "a red car")
    assert status == 2
    assert "this service runs model stub" in err
    assert run("doctor", "--sample", "1", "--collection", "images")[0] == 0


def test_what_would_lead_astray_is_refused_with_the_way_out(run: Run) -> None:
    run("index", "sample/images")
    assert run("alias", "list")[1] == "there are no aliases: every name is the collection of that name\n"
    refusals = {
        ("index", "sample/images", "--into", "images"): "SEARCH_COLLECTION=images answers from",
        ("index", "sample/images", "--into", "a b"): "a collection's name has up to 64",
        ("alias", "switch", "images-v9"): "no collection is called 'images-v9': there are images",
        ("alias", "switch", "images", "--alias", "x__y"): "cannot be the name of an alias",
        ("alias", "back"): "nothing is known that 'images' stood for before",
        ("alias", "remove"): "no alias is called 'images'",
        ("collections", "drop", "images"): "images is what SEARCH_COLLECTION=images answers from",
        ("compare", "--collections", "images", "images", "--labels", "sample"): "two different ones or more",
        ("compare", "--collections", "images", "other"): "--collections needs --labels",
    }
    for words, reason in refusals.items():
        status, _, err = run(*words)
        assert (status, reason in err) == (2, True), err
    run("index", "sample/images", "--into", "images-v2")
    run("alias", "switch", "images-v2", "--alias", "prod")
    status, _, err = run("index", "sample/images", "--into", "prod")
    assert (status, "that is an alias of images-v2" in err) == (2, True)
    assert run("alias", "remove", "--alias", "prod")[1].endswith("now no collection is called so\n")


def test_collections_are_listed_with_what_they_are(run: Run) -> None:
    assert run("collections") == (0, "nothing was indexed yet into qdrant_storage\n", "")
    run("index", "sample/images")
    run("alias", "switch", "images", "--alias", "prod")
    status, out, _ = run("collections", "--json")
    (row,) = json.loads(out)
    assert (status, row["collection"], row["model"], row["generation"], row["aliases"]) == (
        0,
        "images",
        "stub",
        1,
        ["prod"],
    )
    assert row["pictures"] > 10
    assert row["size_bytes"] > 10_000
    assert row["folder"].endswith("sample/images")
    assert "images *" in run("collections")[1]
    assert json.loads(run("alias", "list", "--json")[1]) == [{"alias": "prod", "collection": "images", "before": []}]
