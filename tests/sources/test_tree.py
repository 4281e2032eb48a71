"""A bucket and a web server are read as a folder is, and nothing beside them ever is."""

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from search_app.datatypes import ImageRef
from search_app.errors import ImageTooLarge, IngestError, MissingDependency, Unreachable, Unreadable
from search_app.sources.base import Limits
from search_app.sources.opening import open_source
from tests.sources.conftest import NAMES, fill_bucket

QUICK = Limits(seconds=5, tries=1)
fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")


def in_memory(folder: Path, name: str) -> str:
    """The folder in fsspec's memory; gives its address."""
    files = fsspec.filesystem("memory")
    for file in (path for path in folder.rglob("*") if path.is_file()):
        files.pipe(f"/{name}/{file.relative_to(folder).as_posix()}", file.read_bytes())
    return f"memory://{name}"


def check(address: str, folder: Path) -> None:
    """The source at an address holds what the folder does."""
    source = open_source(address)
    scan = source.scan()
    assert [ref.path for ref in scan.found] == [*NAMES]
    assert scan.skipped == []
    for ref in scan.found:
        assert source.read(ref) == (folder / ref.path).read_bytes()
        assert ref.size_bytes == (folder / ref.path).stat().st_size
        assert ref.version or ref.mtime_ns
    words = source.words_beside("b.png")
    assert words is not None
    assert words.text == "big sale\n50 %"
    assert source.words_beside("a.png") is None
    assert open_source(source.location).scan() == scan
    with pytest.raises(Unreadable, match="no longer there"):
        source.read(ImageRef("gone.png", 10, 0))


def test_memory_is_read_as_a_folder_is(folder: Path, tmp_path: Path) -> None:
    check(in_memory(folder, f"{tmp_path.name}/prefix"), folder)


def test_a_web_server_is_read_as_a_folder_is(folder: Path, web: str) -> None:
    check(web, folder)
    assert [ref.path for ref in open_source(f"{web}/sub").scan().found] == ["c.jpg", "d é.png"]


@pytest.mark.usefixtures("s3")
def test_a_bucket_is_read_as_a_folder_is(folder: Path, tmp_path: Path) -> None:
    bucket = tmp_path.name.replace("_", "-").lower()
    fill_bucket(bucket, folder)
    check(f"s3://{bucket}", folder)


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_told() -> None:
    with pytest.raises(IngestError, match="s3://nobody-has-this cannot be listed"):
        open_source("s3://nobody-has-this").scan()


def test_names_that_no_folder_could_have_are_refused(tmp_path: Path) -> None:
    files = fsspec.filesystem("memory")
    name = f"{tmp_path.name}/odd"
    for key in (
        "ok.png",
        "a/../b.png",
        "a//b.png",
        "line\nend.png",
        ".git/c.png",
        "raw.nef",
        "text.md",
        "x" * 1100 + ".png",
    ):
        files.store[f"/{name}/{key}"] = fsspec.implementations.memory.MemoryFile(data=b"1")
    scan = open_source(f"memory://{name}").scan()
    assert [ref.path for ref in scan.found] == ["ok.png"]
    assert {item.path[:14]: item.reason.partition(":")[0] for item in scan.skipped} == {
        "a/../b.png": "the name leads elsewhere (an empty part, . or ..)",
        "a//b.png": "the name leads elsewhere (an empty part, . or ..)",
        "line\nend.png": "the name has a control character",
        "raw.nef": "pictures in NEF format are not read",
        "x" * 14: "the name is longer than 1024 bytes",
    }


def test_what_is_too_large_is_not_read(folder: Path, web: str, tmp_path: Path) -> None:
    for address in (web, in_memory(folder, f"{tmp_path.name}/large")):
        source = open_source(address, Limits(seconds=5, max_bytes=50))
        with pytest.raises(ImageTooLarge):
            source.read(ImageRef("a.png", 40, 0))  # it grew since it was listed
        with pytest.raises(ImageTooLarge):
            source.read(ImageRef("a.png", 1000, 0))


def test_a_file_system_that_is_not_installed_is_named() -> None:
    with pytest.raises(MissingDependency, match=r"az://.*pip install -r requirements-scale.txt"):
        open_source("az://container/x")


class Site(http.server.BaseHTTPRequestHandler):
    answers: dict[str, Callable[["Site"], None]]

    def do_GET(self) -> None:
        self.answers.get(self.path, lambda site: site.send_error(404))(self)

    do_HEAD = do_GET  # noqa: N815 - as http.server calls it

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


@contextmanager
def serving(**answers: Callable[[Site], None]) -> Iterator[str]:
    paths = {f"/{name}" if name != "root" else "/": answer for name, answer in answers.items()}
    with served(type("Its", (Site,), {"answers": paths})) as address:
        yield address


@contextmanager
def served(site: type[Site]) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), site)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


PAGE = {"content_type": "text/html"}


def test_links_and_redirects_lead_nowhere_else() -> None:
    links = ["http://127.0.0.2/a.jpg", "//127.0.0.2/b.jpg", "../c.jpg", "/../d.jpg", "javascript:e.jpg", "f.jpg?x=1"]
    page = "".join(f'<a href="{link}">x</a>' for link in [*links, "ok.jpg", "moved.jpg", "ok.jpg#top"]).encode()
    with serving(
        **{
            "pub/": lambda site: site.say(200, page, **PAGE),
            "pub/ok.jpg": lambda site: site.say(200, b"12345", content_length="5", etag='"v1"'),
            "pub/moved.jpg": lambda site: site.say(302, location="http://127.0.0.1:1/secret"),
        },
    ) as address:
        source = open_source(f"{address}/pub", QUICK)
        scan = source.scan()
        assert scan.found == [ImageRef("ok.jpg", 5, 0, '"v1"')]
        assert [(item.path, item.reason) for item in scan.skipped] == [
            ("moved.jpg", "the server leads elsewhere (a redirect): not followed")
        ]
        with pytest.raises(Unreadable, match="redirect"):
            source.read(ImageRef("moved.jpg", 5, 0))


def test_a_server_that_fails_is_not_taken_for_one_that_has_nothing() -> None:
    page = b'<a href="sub/">x</a><a href="a.jpg">x</a>'
    with serving(
        root=lambda site: site.say(200, page, **PAGE),
        **{"sub/": lambda site: site.say(503), "a.jpg": lambda site: site.say(500)},
    ) as address:
        source = open_source(address, QUICK)
        scan = source.scan()
        assert scan.found == []
        assert scan.is_hidden("sub/b.jpg")
        assert scan.is_hidden("a.jpg")
        with pytest.raises(Unreachable, match="answered 500"):
            source.read(ImageRef("a.jpg", 5, 0))
    with pytest.raises(Unreachable, match="no answer"):
        source.read(ImageRef("a.jpg", 5, 0))
    with pytest.raises(IngestError, match="cannot be listed"):
        source.scan()


class Endless(Site):
    def do_GET(self) -> None:
        self.say(200, b'<a href="again/">x</a>', **PAGE)


def test_folders_without_end_are_given_up() -> None:
    with served(Endless) as address, pytest.raises(IngestError, match="folders without end"):
        open_source(address, QUICK).scan()


def test_a_page_that_is_none_is_told() -> None:
    answers = {"root": lambda site: site.say(200, b"{}", content_type="application/json")}
    with serving(**answers) as address, pytest.raises(IngestError, match="no page of links"):
        open_source(address, QUICK).scan()


def test_a_compressed_answer_is_refused() -> None:
    def bomb(site: Site) -> None:
        site.say(200, b"\x1f\x8b" + b"0" * 20, content_encoding="gzip", content_length="22")

    with serving(**{"a.jpg": bomb}) as address, pytest.raises(Unreadable, match="compressed"):
        open_source(address, QUICK).read(ImageRef("a.jpg", 22, 0))
