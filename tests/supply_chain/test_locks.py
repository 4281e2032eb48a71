"""The locks are complete, follow the requirements and the tested versions, and pip refuses what has other bytes."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

LOCKS = {
    "requirements-lite.txt": ("requirements-lite.txt",),
    "requirements.txt": ("requirements.txt",),
    "requirements-dev.txt": ("requirements.txt", "requirements-dev.txt"),
    "requirements-audit.txt": ("requirements-audit.txt",),
}
BESIDE = {"torch", "torchvision"}
"""By version only: see scripts/lock.sh."""
NOT_SHIPPED = ("requirements-audit.txt",)


def entries(lock: str) -> dict[str, tuple[str, list[str]]]:
    """Name to version and hashes."""
    text = (ROOT / "locks" / lock).read_text("utf-8")
    found = {}
    for block in re.split(r"\n(?=[a-z0-9])", text)[1:]:
        requirement = Requirement(block.splitlines()[0].rstrip(" \\"))
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", block
        found[requirement.name] = (specifier.version, re.findall(r"--hash=sha256:([0-9a-f]{64})(?![0-9a-f])", block))
    return found


def wanted(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_has_hashes(lock: str) -> None:
    found = entries(lock)
    assert len(found) > 20
    assert [name for name, (_, hashes) in found.items() if not hashes] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_its_requirements_ask_for(lock: str) -> None:
    found = entries(lock)
    for requirement in (each for name in LOCKS[lock] for each in wanted(name)):
        name = canonicalize_name(requirement.name)
        if name not in BESIDE:
            assert name in found, f"run scripts/lock.sh: {name} is not in locks/{lock}"
            assert requirement.specifier.contains(found[name][0]), name


@pytest.mark.parametrize("lock", [name for name in LOCKS if name not in NOT_SHIPPED])
def test_a_lock_has_the_versions_that_were_tested_together(lock: str) -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    tested = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines if "==" in line}
    locked = {name: version for name, (version, _) in entries(lock).items() if name in tested}
    assert locked == {name: tested[name] for name in locked}, "run scripts/lock.sh"
    assert len(locked) > 0.9 * len(entries(lock)), "all but what other platforms need"


def test_no_lock_names_another_place_to_download_from() -> None:
    for lock in LOCKS:
        text = (ROOT / "locks" / lock).read_text("utf-8")
        assert not re.search(r"://|^-(i|f|-index|-extra|-find|-trusted)| @ ", text, re.MULTILINE), lock


def test_what_pip_installs_is_told_by_a_lock_or_is_torch() -> None:
    """Every line that installs, in the scripts and in the Dockerfile; scripts/versions.sh tries what is not locked."""
    scripts = [path for path in (ROOT / "scripts").glob("*.sh") if path.name != "versions.sh"]
    files = (*scripts, *ROOT.glob("*.sh"), ROOT / "Dockerfile")
    lines = [line for path in files for line in path.read_text("utf-8").replace("\\\n", " ").splitlines()]
    commands = [part for line in lines for part in re.split(r"&&|;|then", line) if re.search(r"pip.* install ", part)]
    commands = [command for command in commands if not command.lstrip().startswith("#")]
    assert len(commands) >= 5
    for command in commands:
        assert re.search(r'--require-hashes -r "locks/|-c constraints\.txt.* torch +torchvision$', command.strip()), (
            command
        )


def test_pip_refuses_a_file_with_other_bytes(tmp_path: Path) -> None:
    """As `install` in scripts/environment.sh calls it: the same package, changed on its way here."""
    version, hashes = entries("requirements-lite.txt")["idna"]
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    about = f"idna-{version}.dist-info"
    with zipfile.ZipFile(shelf / f"idna-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("idna/__init__.py", "raise SystemExit('not the package that was locked')\n")
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: idna\nVersion: {version}\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    lock = tmp_path / "lock.txt"

    def install(digest: str) -> subprocess.CompletedProcess[str]:
        lock.write_text(f"idna=={version} --hash=sha256:{digest}\n", "utf-8")
        pip = [sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "install"]
        where = ["--no-index", "--find-links", str(shelf), "--target", str(tmp_path / "target")]
        command = [*pip, *where, "--no-deps", "--require-hashes", "-r", str(lock)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    refused = install(hashes[0])
    assert refused.returncode != 0
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert not (tmp_path / "target").exists()
