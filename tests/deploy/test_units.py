"""Unit files of systemd, the cloud-init file and the bake file, looked at by the tools they are for where those are."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from search_app.settings import Settings, load_settings
from tests.conftest import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("image-search*.*"))
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
WORST = 20
"""Tenths of an exposure level, of a hundred; systemd calls below 30 "OK"."""
needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze looks at unit files"
)


def here(unit: Path, folder: Path) -> Path:
    """The unit as it would be on this machine: with a Python that is there."""
    text = unit.read_text().replace("/opt/image-search/.venv/bin/python", sys.executable)
    copy = folder / unit.name
    copy.write_text(re.sub("(?m)^Documentation=.*\n", "", text))
    return copy


@needs_systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    copies = [str(here(unit, tmp_path)) for unit in UNITS]
    done = subprocess.run(["systemd-analyze", "verify", *copies], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "image-search" in line]
    assert (done.returncode, ours) == (0, [])


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_little_of_the_machine_is_open_to_a_service(unit: Path, tmp_path: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={WORST}"]
    done = subprocess.run([*command, str(here(unit, tmp_path))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_unit_runs_a_command_there_is(unit: Path) -> None:
    from search_app.cli.program import build_parser

    [command] = re.findall(r"(?m)^ExecStart=\S+/python -m search_app (.*)$", unit.read_text())
    build_parser(command.split()).parse_args(command.split())
    assert "\nUser=image-search\n" in unit.read_text()


def test_the_settings_are_settings() -> None:
    given = dict(
        line.split("=", 1)
        for line in (DEPLOY / "systemd" / "settings.env").read_text().splitlines()
        if line and not line.startswith("#")
    )
    names = {str(field.validation_alias): name for name, field in Settings.model_fields.items()}
    assert given.keys() <= names.keys()
    load_settings(**{names[name]: value for name, value in given.items()})


@pytest.mark.skipif(shutil.which("cloud-init") is None, reason="cloud-init holds the file to its own schema")
def test_cloud_init_takes_the_file() -> None:
    done = subprocess.run(
        ["cloud-init", "schema", "-c", str(DEPLOY / "cloud" / "cloud-init.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Valid" in done.stdout + done.stderr, done.stdout + done.stderr


def test_the_machine_s_script_is_a_script_and_names_files_there_are(tmp_path: Path) -> None:
    config = yaml.safe_load((DEPLOY / "cloud" / "cloud-init.yaml").read_text())
    [script] = config["write_files"]
    file = tmp_path / "script"
    file.write_text(script["content"])
    assert subprocess.run(["sh", "-n", str(file)], check=False).returncode == 0
    named = re.findall(r"\b(?:deploy|locks)/[\w./*-]+", script["content"])
    assert len(named) >= 4
    assert [name for name in named if not list(ROOT.glob(name))] == []
    [[command, *arguments]] = config["runcmd"]
    assert script["path"].endswith(f"/{command}")
    assert len(arguments) == len(set(re.findall(r'="\$(\d)"', script["content"])))


def test_the_image_is_baked_from_arguments_of_the_dockerfile() -> None:
    bake = json.loads((DEPLOY / "docker-bake.json").read_text())
    known = set(re.findall(r"(?m)^ARG (\w+)", (ROOT / "Dockerfile").read_text()))
    targets = bake["target"]
    for name in bake["group"]["all"]["targets"]:
        target = {**targets["base"], **targets[name]}
        assert set(target["args"]) <= known
        assert (ROOT / target["args"]["REQUIREMENTS"]).is_file()
        assert target["platforms"] == ["linux/amd64", "linux/arm64"]
        assert set(re.findall(r"\$\{(\w+)\}", json.dumps(target))) <= bake["variable"].keys()
    from search_app import __version__

    assert bake["variable"]["VERSION"]["default"] == __version__
    base = (DEPLOY / "kubernetes" / "base" / "kustomization.yaml").read_text()
    assert f'newTag: "{__version__}"' in base
