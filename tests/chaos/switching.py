"""Changes of aliases that are to be killed; run in a process of their own, forked from one without threads."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from search_app.index.catalogue import Catalogue
from search_app.index.edge.catalogue import edge_catalogue
from search_app.index.server.catalogue import server_catalogue

_DELICATE = {"open", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}
ALIAS, OLD, NEW = "live", "v1", "v2"


def change(catalogue: Catalogue, what: str) -> None:
    """Do what is to be interrupted, as the terminal would."""
    if what == "switch":
        catalogue.switch(ALIAS, NEW)
    else:
        catalogue.drop(NEW)


def in_folder(home: Path, what: str, moment: int) -> None:
    """Change an embedded catalogue; killed before the file operation of this number on what catalogues write."""
    left, under = [moment], f"{home}/_"

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _DELICATE and any(str(one).startswith(under) for one in arguments):
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    change(edge_catalogue(home), what)


def on_server(url: str, what: str) -> None:
    """Change the catalogue of a server."""
    change(server_catalogue(url), what)
