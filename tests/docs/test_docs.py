"""README and docs are executed: their commands run, their tables are what the code says."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from search_app.settings import Settings
from tests.conftest import ROOT, SAMPLE, Done, Service, clean_environment, search_app

README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(?:<!-- test: (?P<mark>[^>]+) -->\n)?```bash\n(?P<code>.*?)```", re.DOTALL)
LITE = {"SEARCH_MODEL": "lite"}
MARKS = {"a test of its own", "needs the internet", "needs Docker", "needs the hub"}


def commands() -> list[str]:
    """Every command of README and docs that is not marked as needing what a test does not have."""
    found = []
    for page in PAGES:
        for block in BLOCK.finditer(page.read_text("utf-8")):
            if block["mark"]:
                assert block["mark"] in MARKS, page.name
            else:
                found += [line.split("  #")[0].strip() for line in block["code"].splitlines() if line.strip()]
    return found


@pytest.fixture(scope="module")
def workplace(lite_sample: Path) -> Path:
    """The indexed sample, with the sample's files where the README says they are."""
    for name in ("sample", "search_app"):
        if not (lite_sample / name).exists():
            (lite_sample / name).symlink_to(ROOT / name)
    return lite_sample


@pytest.mark.parametrize("command", commands())
def test_command_runs(command: str, workplace: Path, lite_service: Service) -> None:
    words = shlex.split(command.replace("http://localhost:8000", lite_service.url))
    if words[:3] == ["python", "-m", "search_app"]:
        done = search_app(*words[3:], cwd=workplace, env=LITE)
    else:
        done = others(words, workplace)
    assert done.status == 0, done.out + done.err
    assert done.out.strip()


def others(words: list[str], workplace: Path) -> Done:
    """Run what is not `python -m search_app`."""
    if words[0] == "curl":
        words[1:1] = ["--fail-with-body", "--silent", "--show-error"]
    elif words[0] in {"python", "python3"}:
        words[0] = sys.executable
    env = clean_environment(**LITE)
    done = subprocess.run(words, cwd=workplace, env=env, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


def test_there_are_commands_to_run() -> None:
    assert len(commands()) >= 10


def test_the_settings_table_is_what_the_code_says() -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\S.*?) \|", README.split("## Settings")[1].split("\n## ")[0], re.MULTILINE)
    told = {name: default.strip("`") for name, default in rows}
    real = {str(field.validation_alias): str(field.default) or "empty" for field in Settings.model_fields.values()}
    assert told == real


def test_every_required_package_is_named_with_its_reason() -> None:
    table = README.split("## How it is built")[1].split("\n## ")[0]
    names = re.findall(r"^([a-z][a-z0-9-]*)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert [name for name in names if not re.search(rf"(^\| |, ){name}\b", table, re.MULTILINE)] == []


def test_lite_needs_the_same_but_torch_and_open_clip() -> None:
    def lines(name: str) -> set[str]:
        text = (ROOT / name).read_text()
        return {line for line in text.splitlines() if line and not line.startswith("#")}

    assert {line.split(">")[0] for line in lines("requirements.txt") - lines("requirements-lite.txt")} == {
        "torch",
        "open-clip-torch",
    }
    assert lines("requirements-lite.txt") <= lines("requirements.txt")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_requirement_has_a_locked_version() -> None:
    locked = {
        line.split("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    for name in ("requirements.txt", "requirements-dev.txt"):
        wanted = re.findall(r"^([A-Za-z][A-Za-z0-9_-]*)", (ROOT / name).read_text(), re.MULTILINE)
        assert [one for one in wanted if one.lower().replace("_", "-") not in locked] == []


def test_the_version_is_told_in_one_way() -> None:
    from search_app import __version__

    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__


def test_the_sample_is_where_the_docs_say() -> None:
    assert SAMPLE.is_dir()
