"""The audit: licences by policy, and a report of vulnerabilities that is never taken for better than it is."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT


def script(
    name: str, *arguments: object, given: str = "", path: Path | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / name), *map(str, arguments)]
    env = {"PYTHONPATH": str(path)} if path else {}
    return subprocess.run(command, cwd=ROOT, input=given, env=env, capture_output=True, text=True, check=False)


def package(folder: Path, name: str, *about: str) -> None:
    (folder / f"{name}-1.0.dist-info").mkdir()
    lines = ["Metadata-Version: 2.4", f"Name: {name}", "Version: 1.0", *about, "", ""]
    (folder / f"{name}-1.0.dist-info" / "METADATA").write_text("\n".join(lines), "utf-8")


def test_all_that_is_installed_here_may_be_used() -> None:
    done = script("licences.py", "locks/requirements-dev.txt")
    assert done.returncode == 0, done.stdout
    assert "all allowed" in done.stdout


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ("License-Expression: AGPL-3.0-only", "not allowed: nasty: AGPL-3.0-only"),
        ("License-Expression: MIT AND GPL-2.0-only", "not allowed: nasty: MIT AND GPL-2.0-only"),
        ("License: Proprietary", "not allowed: nasty: Proprietary"),
        ("Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)", "not allowed: nasty: GNU"),
        ("Summary: says nothing of its licence", "not allowed: nasty: its metadata name no licence"),
    ],
)
def test_a_licence_outside_the_policy_is_named(tmp_path: Path, about: str, told: str) -> None:
    package(tmp_path, "nasty", about)
    (tmp_path / "lock.txt").write_text("nasty==1.0 \\\n    --hash=sha256:00\n", "utf-8")
    done = script("licences.py", tmp_path / "lock.txt", path=tmp_path)
    assert done.returncode == 1
    assert told in done.stdout


@pytest.mark.parametrize(
    "about", ["License-Expression: GPL-2.0-only OR MIT", "Classifier: License :: OSI Approved :: MIT License"]
)
def test_one_side_of_a_choice_is_enough(tmp_path: Path, about: str) -> None:
    package(tmp_path, "nice", about)
    (tmp_path / "lock.txt").write_text("nice==1.0 \\\n    --hash=sha256:00\n", "utf-8")
    assert script("licences.py", tmp_path / "lock.txt", path=tmp_path).returncode == 0


def test_what_is_not_installed_is_not_passed(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text("nobody-has-this==1.0 \\\n    --hash=sha256:00\n", "utf-8")
    done = script("licences.py", tmp_path / "lock.txt")
    assert done.returncode == 2
    assert "not installed here, hence not checked: nobody-has-this" in done.stdout


FINE: dict[str, Any] = {"name": "fine", "version": "1.0", "vulns": []}
FLAWED = {"name": "bad", "version": "1.0", "vulns": [{"id": "CVE-1", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "odd", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "status", "told"),
    [
        ([FINE], 0, "vulnerabilities: 1 packages, none known"),
        ([FINE, FLAWED], 1, "vulnerable: bad 1.0: CVE-1; mended in 1.1"),
        ([FLAWED, UNKNOWN], 1, "NOT AUDITED: 1 of 2 packages"),
        ([FINE, UNKNOWN], 2, "NOT AUDITED: 1 of 2 packages; the first: Dependency not found on PyPI"),
        ([], 2, "NOT AUDITED"),
        (None, 2, "NOT AUDITED: pip-audit gave no report; its database needs the network"),
    ],
)
def test_only_what_was_looked_at_passes(packages: list[dict[str, Any]] | None, status: int, told: str) -> None:
    report = "" if packages is None else json.dumps({"dependencies": packages, "fixes": []})
    done = script("vulnerabilities.py", given=report)
    assert done.returncode == status, done.stdout
    assert told in done.stdout
