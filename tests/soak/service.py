"""The product as a user runs it: `serve` in one process, `index` in others."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.conftest import clean_environment, free_port

READY_S = 120.0


@dataclass(frozen=True)
class Home:
    """A folder with an index, and how the product is told to use it."""

    folder: Path
    model: str

    @property
    def settings(self) -> Mapping[str, str]:
        """As variables of the environment."""
        return {
            "SEARCH_MODEL": self.model,
            "SEARCH_WORDS": "on",
            "SEARCH_WRITES": "on",
            "SEARCH_WORKERS": "1",
            "SEARCH_INDEX_DIR": str(self.folder / "storage"),
        }

    def generation(self) -> int:
        """The number of the generation that was committed last."""
        return int((self.folder / "storage" / "images" / "CURRENT").read_text().strip().removeprefix("gen-"))

    def index(self, pictures: Path, *, rebuild: bool) -> dict[str, Any]:
        """Run the command; gives its report. Raises `CalledProcessError` where it does not end with 0."""
        report = self.folder / "report.json"
        command = ["index", str(pictures), "--json", str(report), *(["--rebuild"] if rebuild else [])]
        subprocess.run(
            [sys.executable, "-m", "search_app", *command],
            cwd=self.folder,
            env=clean_environment(**self.settings),
            check=True,
            capture_output=True,
            text=True,
        )
        told: dict[str, Any] = json.loads(report.read_text())
        return told

    @contextmanager
    def serving(self) -> Iterator[tuple[int, str, Path]]:
        """Serve until the context ends; gives process id, URL and log."""
        port, log = free_port(), self.folder / "service.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "search_app", "serve", "--port", str(port)],
                cwd=self.folder,
                env=clean_environment(**self.settings),
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            _await(url, process, log)
            yield process.pid, url, log
        finally:
            process.terminate()
            process.wait(30)


def _await(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    give_up = time.monotonic() + READY_S
    while time.monotonic() < give_up and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=30).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the service was not ready in time: {log.read_text()[-2000:]}")


def complaints(log: Path) -> list[str]:
    """Lines of the log that tell of something that went wrong."""
    wrong = ("ERROR", "CRITICAL", "Traceback", "WARNING")
    return [line for line in log.read_text().splitlines() if any(word in line for word in wrong)]
