"""What the Dockerfile and the Compose files promise, read from the files: no engine is needed."""

import fnmatch
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from search_app.settings import Settings

ROOT = Path(__file__).parents[2]
SERVER, EMBEDDED, GPU = "docker-compose.yml", "docker-compose.embedded.yml", "docker-compose.gpu.yml"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
ALIASES = {str(field.validation_alias): field for field in Settings.model_fields.values()}
VARIABLE = re.compile(r"\$\{([A-Z_]+):-([^}]*)\}")


def instructions(name: str) -> list[str]:
    """The arguments of every instruction of that name, in order."""
    return [match.strip() for match in re.findall(rf"^{name} +(.*)$", DOCKERFILE, re.MULTILINE)]


def compose(name: str) -> dict[str, Any]:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / name), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_hadolint_finds_nothing() -> None:
    done = tool("hadolint", "--failure-threshold", "style", "Dockerfile")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", [SERVER, EMBEDDED, GPU])
def test_compose_files_follow_the_specification(name: str) -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", [SERVER, EMBEDDED, GPU])
def test_compose_files_avoid_what_docker_compose_1_29_refuses(name: str) -> None:
    spec = compose(name)
    assert "name" not in spec
    for service in spec["services"].values():
        assert not any(isinstance(entry, dict) for entry in service.get("env_file", []))


def test_the_image_starts_from_the_python_that_is_required() -> None:
    stages = [line.split() for line in instructions("FROM")]
    assert {stage[0] for stage in stages} == {"python:3.11-slim"}
    assert [stage[1:2] + stage[2:] for stage in stages] == [["AS", "packages"], ["AS", "service"]]


def test_the_service_runs_as_a_numbered_user_that_is_not_root() -> None:
    uid, gid = instructions("USER")[-1].split(":")
    assert int(uid) >= 1000
    assert int(gid) >= 1000
    assert f"useradd --uid {uid} " in DOCKERFILE
    after = DOCKERFILE.split("\nUSER ")[1]
    assert "COPY" not in after
    assert "chmod" not in after


def test_health_is_asked_with_what_the_image_has() -> None:
    (check,) = instructions("HEALTHCHECK")
    assert "/healthz" in check
    assert 'CMD ["python",' in check
    assert "curl" not in check
    assert "wget" not in check


def test_the_process_is_the_server_itself_and_can_be_reached_from_outside() -> None:
    (command,) = instructions("CMD")
    assert command.startswith('["uvicorn", "search_app.main:app"')
    assert '"0.0.0.0", "--port", "8000"' in command
    assert instructions("EXPOSE") == ["8000"]


def test_the_classic_builder_can_build_it() -> None:
    assert "<<" not in DOCKERFILE
    assert "--mount" not in DOCKERFILE
    assert "# syntax" not in DOCKERFILE


def test_what_is_copied_exists_and_is_let_in_and_nothing_else_is() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").split("\n")
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    let_in = {pattern[1:].rstrip("/") for pattern in patterns if pattern.startswith("!")}
    copied: set[str] = set()
    for arguments in instructions("COPY"):
        if "--from" not in arguments:
            copied |= {source.rstrip("/") for source in arguments.split()[:-1]}
    assert let_in == copied
    for name in copied:
        assert (ROOT / name).exists(), name
    for private in ("data", "tests", ".git", ".venv", ".env", "qdrant_storage", "models"):
        assert not any(fnmatch.fnmatch(private, pattern) for pattern in let_in), private


def test_the_service_can_change_nothing_of_the_program_it_runs() -> None:
    """Root owns all that is copied; what the user may write is made for it by name: the cache and the index."""
    service = DOCKERFILE.split("AS service")[1]
    assert "--chown" not in DOCKERFILE
    assert "chmod" not in DOCKERFILE
    assert re.findall(r"install -d -o search -g search (\S+) (\S+) ", service) == [
        ("/home/search/.cache", '"$SEARCH_INDEX_DIR"')
    ]
    assert len(re.findall("-o search|chown", DOCKERFILE)) == 1
    assert "--without-pip" in DOCKERFILE, "and nothing can be installed into it"
    assert len(instructions("USER")) == 1, "nobody becomes root again"
    assert not re.search(r"\b(sudo|setcap|su -)\b", DOCKERFILE)


def test_what_comes_from_elsewhere_comes_by_hash_or_over_tls() -> None:
    assert instructions("ADD") == []
    assert not re.search(r"\b(curl|wget|git clone)\b", DOCKERFILE)
    assert not re.search(r"http://(?!127\.0\.0\.1)|--trusted-host|--extra-index-url", DOCKERFILE)
    installs = re.findall(r"pip [^&;]*\binstall\b[^&;]*", DOCKERFILE)
    assert len(installs) == 3
    assert sum("--require-hashes" in command for command in installs) == 1
    assert all("torch torchvision" in " ".join(command.split()) for command in installs if "--require" not in command)


@pytest.mark.parametrize("name", [SERVER, EMBEDDED, GPU])
def test_no_container_reaches_into_its_host(name: str) -> None:
    spec = compose(name)
    for service in spec["services"].values():
        assert not {"network_mode", "pid", "ipc", "cap_add", "devices", "userns_mode"} & service.keys()
        mounts = [volume for volume in service.get("volumes", ()) if volume.startswith(("/", ".", "$", "~"))]
        assert all(mount.endswith(":ro") for mount in mounts), mounts
        assert "docker.sock" not in str(service)


@pytest.mark.parametrize("name", [SERVER, EMBEDDED, GPU])
def test_no_secret_has_a_default(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for variable, default in VARIABLE.findall(text):
        if re.search("KEY|TOKEN|SECRET|PASSWORD", variable):
            assert default == "", variable
    assert not [name for name in instructions("ARG") + instructions("ENV") if re.search("KEY|TOKEN|SECRET", name)]


def test_no_secret_is_written_into_a_file() -> None:
    secret = re.compile(r"(?i)(api_?key|password|token|secret)\s*[=:]\s*[\"']?[^\s\"'$]")
    for name in ("Dockerfile", SERVER, EMBEDDED, GPU, "docker/precompute.sh"):
        assert not secret.search((ROOT / name).read_text(encoding="utf-8")), name


@pytest.mark.parametrize("name", [SERVER, EMBEDDED])
def test_every_service_gives_up_what_it_does_not_need(name: str) -> None:
    for service in compose(name)["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["init"] is True
        assert service["deploy"]["resources"]["limits"]["memory"]
        assert "privileged" not in service
        assert "user" not in service


@pytest.mark.parametrize("name", [SERVER, EMBEDDED])
def test_only_the_service_is_published_and_only_on_this_machine(name: str) -> None:
    published = {key: service["ports"] for key, service in compose(name)["services"].items() if "ports" in service}
    assert published == {"api": ["${HOST_ADDRESS:-127.0.0.1}:${PORT:-8000}:8000"]}


def test_images_of_others_are_pinned_to_a_release() -> None:
    image = compose(SERVER)["services"]["qdrant"]["image"]
    assert re.fullmatch(r"qdrant/qdrant:v1\.\d+\.\d+-unprivileged", image)


def test_qdrant_fits_the_client() -> None:
    image = compose(SERVER)["services"]["qdrant"]["image"]
    server = re.search(r":v1\.(\d+)\.", image)
    major, client = version("qdrant-client").split(".")[:2]
    assert server is not None
    assert major == "1"
    assert abs(int(client) - int(server[1])) <= 1, "Qdrant keeps client and server compatible one minor release apart"


def test_the_service_waits_for_the_index_and_the_index_for_qdrant() -> None:
    services = compose(SERVER)["services"]
    done, healthy = {"condition": "service_completed_successfully"}, {"condition": "service_healthy"}
    assert services["precompute"]["depends_on"] == {"qdrant": healthy}
    assert services["api"]["depends_on"] == {"precompute": done, "qdrant": healthy}
    assert compose(EMBEDDED)["services"]["api"]["depends_on"] == {"precompute": done}
    assert "healthcheck" in services["qdrant"]
    for name in (SERVER, EMBEDDED):
        assert "restart" not in compose(name)["services"]["precompute"]


def test_both_ways_run_the_same_program_with_the_same_settings() -> None:
    server, embedded = compose(SERVER)["x-app"], compose(EMBEDDED)["x-app"]
    assert server["environment"].pop("QDRANT_URL") == "http://qdrant:6333"
    assert server == embedded


@pytest.mark.parametrize("name", [SERVER, EMBEDDED])
def test_variables_keep_the_defaults_of_the_settings(name: str) -> None:
    for variable, default in compose(name)["x-app"]["environment"].items():
        assert variable in ALIASES, variable
        if variable != "QDRANT_URL":
            assert VARIABLE.fullmatch(default).groups() == (variable, ALIASES[variable].default)


@pytest.mark.parametrize("name", [SERVER, EMBEDDED, GPU])
def test_build_arguments_are_those_of_the_dockerfile(name: str) -> None:
    known = dict(argument.split("=", 1) for argument in instructions("ARG"))
    spec = compose(name)
    for variable, value in spec.get("x-app", spec.get("x-gpu"))["build"]["args"].items():
        assert VARIABLE.fullmatch(value)[1] == variable
        if name != GPU:
            assert VARIABLE.fullmatch(value)[2] == known[variable].strip('"')


@pytest.mark.parametrize("name", [SERVER, EMBEDDED])
def test_every_volume_in_use_is_declared_and_every_declared_one_used(name: str) -> None:
    spec = compose(name)
    used = {volume.split(":")[0] for service in spec["services"].values() for volume in service["volumes"]}
    assert {volume for volume in used if not volume.startswith("$")} == set(spec["volumes"])


def test_the_page_about_containers_names_every_variable() -> None:
    page = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")
    for name in (SERVER, EMBEDDED, GPU):
        for variable, _ in VARIABLE.findall((ROOT / name).read_text(encoding="utf-8")):
            assert f"`{variable}`" in page, variable
