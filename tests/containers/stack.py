"""One run of Docker Compose with its own project name, port and folder of pictures."""

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
IMAGE = "search-app:test"
PATIENCE_SECONDS = 90.0

KILL_THE_SERVER = """
import os, signal
for pid in filter(str.isdigit, os.listdir("/proc")):
    words = open(f"/proc/{pid}/cmdline", "rb").read().split(b"\\0")
    if any(word.endswith(b"/uvicorn") for word in words) and pid != "1":
        os.kill(int(pid), signal.SIGKILL)
"""
"""For `python -c` inside the container: nothing else there can send a signal."""


def run(*command: str, seconds: float = 600, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run in the repository with output captured; what a failed command said is in the error."""
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=seconds, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def works(*command: str, seconds: float = 30) -> bool:
    """Whether the command exists and ends well in time."""
    try:
        run(*command, seconds=seconds)
    except (OSError, RuntimeError, subprocess.TimeoutExpired):
        return False
    return True


def why_not() -> str:
    """What is missing to run containers here; empty where nothing is."""
    if shutil.which("docker") is None:
        return "no docker command"
    if not works("docker", "info"):
        return "no Docker engine answers"
    if not (works("docker", "compose", "version") or works("docker-compose", "version")):
        return "neither docker compose nor docker-compose"
    if not works("docker", "image", "inspect", "python:3.11-slim") and not works(
        "docker", "pull", "python:3.11-slim", seconds=300
    ):
        return "python:3.11-slim is not here and cannot be pulled"
    return ""


def build(tag: str, context: str, *options: str) -> None:
    """Build an image; with the classic builder where the other is not installed."""
    kit = {} if works("docker", "buildx", "version") else {"DOCKER_BUILDKIT": "0"}
    run("docker", "build", "--network", "host", "-t", tag, *options, context, seconds=1800, **kit)


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stack:
    """The services of one or several Compose files laid over each other."""

    def __init__(self, project: str, data: Path, *files: str) -> None:
        self.base = f"http://127.0.0.1:{free_port()}"
        self.project, self.data = project, data
        command = ["docker", "compose"] if works("docker", "compose", "version") else ["docker-compose"]
        self.command = [*command, "-p", project, *(part for name in files for part in ("-f", name))]
        self.environment = {
            "SEARCH_IMAGE": IMAGE,
            "SEARCH_MODEL": "lite",
            "SEARCH_DEVICE": "cpu",
            "SEARCH_COLLECTION": "images",
            "SEARCH_DATA_DIR": str(data),
            "HOST_ADDRESS": "127.0.0.1",
            "PORT": self.base.rpartition(":")[2],
        }

    def compose(self, *arguments: str) -> str:
        """Run a Compose command; gives what it printed."""
        done = run(*self.command, *arguments, **self.environment)
        return done.stdout + done.stderr

    def up(self) -> None:
        """Start everything in the background and wait until the service answers real queries."""
        self.compose("up", "-d", "--no-build")
        self.wait_ready()

    def get(self, path: str) -> Any:
        """The JSON answer to a GET; raises `OSError` where there is none."""
        with urllib.request.urlopen(self.base + path, timeout=10) as response:
            return json.load(response)

    def wait_ready(self) -> None:
        """Wait for /readyz."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self.get("/readyz")
            except (OSError, urllib.error.HTTPError):
                if time.monotonic() > deadline:
                    raise RuntimeError(self.compose("logs", "--tail", "50")) from None
                time.sleep(0.5)
            else:
                return

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine knows about the container of a service."""
        container = run(*self.command, "ps", "-q", service, **self.environment).stdout.strip()
        return json.loads(run("docker", "inspect", container).stdout)[0]

    def inside(self, service: str, code: str) -> str:
        """Run Python code in the running container of a service."""
        return run("docker", "exec", self.inspect(service)["Id"], "python", "-c", code).stdout

    def volumes(self) -> set[str]:
        """Names of the volumes of this project."""
        listed = run("docker", "volume", "ls", "-q", "--filter", f"name={self.project}_").stdout
        return {name.removeprefix(f"{self.project}_") for name in listed.split()}
