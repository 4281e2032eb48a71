"""docs/programs.md: its Python blocks run, in order, against the bundled sample."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

from search_app.client import SearchClient
from tests.conftest import ROOT, Service

PAGE = (ROOT / "docs" / "programs.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_blocks_run(lite_service: Service, tmp_path: Path) -> None:
    assert Path.cwd() == tmp_path, "what they write is not left in the project"
    names: dict[str, Any] = {"__name__": "__main__"}
    assert len(BLOCKS) == 5
    for block in BLOCKS:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(block.replace("http://localhost:8000", lite_service.url), names)  # noqa: S102 - our own page
        assert said.getvalue().strip()
    for client in (names["client"], names["patient"]):
        client.close()


def test_the_table_names_every_method() -> None:
    methods = {name for name in vars(SearchClient) if not name.startswith("_")} - {"close"}
    told = set(re.findall(r"`(\w+)\(", PAGE.split("| Method |")[1].split("\n\n")[0]))
    assert told == methods
