"""Pictures by their address: fetched from a real server on this machine, and never from where they must not be."""

import io
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path

import anyio
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from search_app.api.app import create_app
from search_app.api.fetched import MAX_FETCHED
from search_app.errors import BadRequest
from search_app.settings import Settings, load_settings
from search_app.sources.addresses import may_be_fetched_from
from search_app.sources.fetching import FetchRules, PictureFetcher, Resolve, resolve
from search_app.wiring_http import open_fetcher
from tests.api.test_search import assert_problem
from tests.search.colours import open_colours

HERE = "127.0.0.1"
ELSEWHERE = "127.0.0.2"
"""Another address of this machine, which the tests do not permit."""
NOT_HAD = "cannot be had from there"


def picture(colour: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return file.getvalue()


@dataclass
class Site:
    """A web server that keeps what it was asked."""

    port: int
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    closing: threading.Event = field(default_factory=threading.Event)

    def redirect(self, path: str, target: str) -> None:
        self.answers[path] = (302, {"Location": target, "Set-Cookie": "seen=yes"}, b"")


class Server(ThreadingHTTPServer):
    daemon_threads = True
    site: Site

    def handle_error(self, *_: object) -> None:
        """A caller that hangs up in the middle is what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        site = self.server.site
        site.asked.append((self.path, dict(self.headers)))
        if self.path == "/slow":
            self.drip(site.closing)
            return
        status, headers, body = site.answers.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self, closing: threading.Event) -> None:
        """A header that never ends, a byte at a time: each read is quick, the whole is not."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        try:
            while not closing.wait(0.02):
                self.wfile.write(b"x")
                self.wfile.flush()
        except OSError:  # the caller has hung up
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """The test run stays quiet."""


@contextmanager
def open_site(host: str = HERE, port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Site]:
    try:
        server = Server((host, port), Handler)
    except OSError as error:  # only Linux has all of 127.0.0.0/8
        pytest.skip(f"no server can stand at {host}: {error}")
    with server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.site = Site(server.server_port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.site
        finally:
            server.site.closing.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    with open_site() as site:
        site.answers |= {
            "/red.png": (200, {"Content-Type": "text/html"}, picture()),
            "/page": (200, {"Content-Type": "image/png"}, b"<!DOCTYPE html><p>hello"),
        }
        yield site


def rules(*ports: int, **more: float) -> FetchRules:
    return FetchRules(ports=frozenset(ports), permitted=(ip_network(HERE),), **more)


@dataclass
class Names:
    """A resolver that gives one answer after the other, the last one again and again."""

    answers: list[Sequence[str]]
    asked: list[bytes] = field(default_factory=list)

    async def __call__(self, host: bytes, port: int) -> list[str]:
        self.asked.append(host)
        return list(self.answers[min(len(self.asked), len(self.answers)) - 1])


def fetch(url: str, given: FetchRules, names: Resolve = resolve, tls: ssl.SSLContext | None = None) -> bytes:
    async def run() -> bytes:
        return (await PictureFetcher(given, resolve=names, tls=tls).fetch({"image_url": url}))[url]

    return anyio.run(run)


def refusal(url: str, given: FetchRules, names: Resolve = resolve, tls: ssl.SSLContext | None = None) -> str:
    with pytest.raises(BadRequest) as refused:
        fetch(url, given, names, tls)
    assert refused.value.parameter == "image_url"
    return str(refused.value)


def test_a_picture_is_fetched_whatever_its_content_type_says(site: Site) -> None:
    assert fetch(f"http://{HERE}:{site.port}/red.png#top", rules(site.port)) == picture()


def test_the_request_says_little_and_nothing_of_the_environment(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    fetch(f"http://pictures.example:{site.port}/red.png", rules(site.port), Names([[HERE]]))
    [(path, headers)] = site.asked
    assert path == "/red.png"
    assert headers.pop("User-Agent").startswith("search_app/")
    assert headers == {
        "Host": f"pictures.example:{site.port}",
        "Accept": "image/*",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }


def test_redirects_are_followed_without_cookies_and_each_name_is_resolved_anew(site: Site) -> None:
    site.redirect("/a", "/b")
    site.redirect("/b", f"http://other.example:{site.port}/red.png")
    names = Names([[HERE]])
    assert fetch(f"http://pictures.example:{site.port}/a", rules(site.port), names) == picture()
    assert names.asked == [b"pictures.example", b"pictures.example", b"other.example"]
    assert not any("Cookie" in headers for _, headers in site.asked)


def test_three_redirects_are_enough(site: Site) -> None:
    for number in range(4):
        site.redirect(f"/{number}", f"/{number + 1}")
    site.answers["/4"] = site.answers["/red.png"]
    assert fetch(f"http://{HERE}:{site.port}/1", rules(site.port)) == picture()
    assert "more than 3 redirects" in refusal(f"http://{HERE}:{site.port}/0", rules(site.port))


@pytest.mark.parametrize("host", [ELSEWHERE, "0x7f000002", "2130706434", "0177.0.0.2", "127.2", "[::ffff:127.0.0.2]"])
def test_a_redirect_to_a_forbidden_address_is_not_followed(site: Site, host: str) -> None:
    with open_site(ELSEWHERE) as inside:
        inside.answers["/red.png"] = (200, {}, picture())
        site.redirect("/away", f"http://{host}:{inside.port}/red.png")
        assert NOT_HAD in refusal(f"http://{HERE}:{site.port}/away", rules(site.port, inside.port))
        assert [path for path, _ in site.asked] == ["/away"]
        assert inside.asked == []


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("file:///etc/passwd", "begins with http"),
        ("gopher://127.0.0.2:70/_x", "begins with http"),
        ("data:image/png;base64,AAAA", "begins with http"),
        ("//127.0.0.2:{port}/red.png", NOT_HAD),
        ("//127.0.0.2/red.png", "from the ports"),
        ("http://127.0.0.1@127.0.0.2:{port}/red.png", "user's name"),
        ("http://127.0.0.2:22/", "from the ports"),
        ("http://[::ffff:a9fe:a9fe]:{port}/latest/meta-data/", NOT_HAD),
        ("http://[64:ff9b::a9fe:a9fe]:{port}/", NOT_HAD),
        ("http://[2002:a9fe:a9fe::]:{port}/", NOT_HAD),
        ("http://2852039166:{port}/", NOT_HAD),
        ("http://0xa9.0376.43518:{port}/", NOT_HAD),
    ],
)
def test_a_redirect_is_checked_like_the_first_address(site: Site, target: str, why: str) -> None:
    with open_site(ELSEWHERE, site.port) as inside:
        site.redirect("/away", target.format(port=site.port))
        assert why in refusal(f"http://{HERE}:{site.port}/away", rules(site.port))
        assert inside.asked == []


def test_a_name_is_resolved_once_so_that_it_cannot_answer_differently_for_the_connection(site: Site) -> None:
    with open_site(ELSEWHERE, site.port) as inside:
        names = Names([[HERE], [ELSEWHERE]])
        assert fetch(f"http://rebinding.example:{site.port}/red.png", rules(site.port), names) == picture()
        assert names.asked == [b"rebinding.example"]
        assert inside.asked == []


def test_a_name_that_turns_inside_at_a_redirect_is_refused(site: Site) -> None:
    site.redirect("/again", "/red.png")
    with open_site(ELSEWHERE, site.port) as inside:
        names = Names([[HERE], [ELSEWHERE]])
        assert NOT_HAD in refusal(f"http://rebinding.example:{site.port}/again", rules(site.port), names)
        assert inside.asked == []


def test_one_forbidden_address_among_good_ones_refuses_the_name(site: Site) -> None:
    names = Names([[HERE, ELSEWHERE]])
    assert NOT_HAD in refusal(f"http://both.example:{site.port}/red.png", rules(site.port), names)
    assert site.asked == []


def test_the_next_address_is_tried_where_the_first_refuses_the_connection(site: Site) -> None:
    given = FetchRules(ports=frozenset({site.port}), permitted=(ip_network("127.0.0.0/8"),))
    names = Names([["127.0.0.3", HERE]])
    assert fetch(f"http://pictures.example:{site.port}/red.png", given, names) == picture()


def test_every_spelling_of_this_machine_is_refused_in_the_words_that_a_refused_connection_gets(site: Site) -> None:
    with open_site() as gone:
        closed = gone.port
    ports = frozenset({site.port, closed})
    permitted = rules(*ports)
    refused = refusal(f"http://{HERE}:{closed}/red.png", permitted)
    unknown = refusal(f"http://name.invalid:{closed}/red.png", permitted)
    missing = refusal(f"http://{HERE}:{site.port}/missing", permitted)
    assert NOT_HAD in refused
    assert refused == unknown == missing
    site.asked.clear()
    hosts = [
        *("127.0.0.1", "127.1", "127.0.1", "0x7f.0.0.1", "0x7f000001", "0177.0.0.1", "017700000001", "2130706433"),
        *(
            "localhost",
            "LOCALHOST",
            "localhost.",
            "0.0.0.0",  # noqa: S104
            "0",
            "127.000.000.001",
            "[::1]",
            "[::]",
            "[::ffff:7f00:1]",
        ),
        *("[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]"),
        *("\uff11\uff12\uff17.0.0.1", "127\u30020\u30020\u30021", "169.254.169.254", "[fd00:ec2::254]", "[fe80::1]"),
    ]
    for host in hosts:
        assert refusal(f"http://{host}:{site.port}/red.png", FetchRules(ports=ports)) == refused, host
    assert site.asked == []


@pytest.mark.parametrize(
    "address",
    [
        *(
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "100.127.255.254",
            "169.254.169.254",
        ),
        *("127.0.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),  # noqa: S104
        *("192.0.0.192", "168.63.129.16", "198.18.0.1", "192.0.2.1", "203.0.113.9", "192.88.99.1"),
        *("::", "::1", "::7f00:1", "::ffff:8.8.8.8", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "ff02::1"),
        *("64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b:1::1", "2002:a00:1::1", "2001:0:1::1"),
        *("2001:db8::1", "fec0::1", "2606:4700::1%eth0", "not a number", ""),
        *("2606:4700::5efe:10.0.0.1", "2606:4700::200:5efe:169.254.169.254", "::ffff:0:10.0.0.1", "64:ff9b:1::a00:1"),
    ],
)
def test_addresses_that_are_not_public_are_closed(address: str) -> None:
    assert not may_be_fetched_from(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:4700::1", "64:ff9b::8.8.8.8"]
)
def test_public_addresses_are_open(address: str) -> None:
    assert may_be_fetched_from(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://pictures.example/red.png", "begins with http"),
        ("file:///etc/passwd", "begins with http"),
        ("gopher://pictures.example/", "begins with http"),
        ("data:image/png;base64,AAAA", "begins with http"),
        ("//pictures.example/red.png", "begins with http"),
        ("red.png", "begins with http"),
        ("http:///red.png", "begins with http"),
        ("http://", "begins with http"),
        ("", "begins with http"),
        ("http://pictures.example@127.0.0.2/", "user's name"),
        ("http://user:secret@pictures.example/", "user's name"),
        ("http://pictures.example\\@127.0.0.2/", "user's name"),
        ("http://:@pictures.example/", "user's name"),
        ("http://pictures.example:22/", "ports 80 and 443"),
        ("http://pictures.example:0/", "ports 80 and 443"),
        ("https://pictures.example:6333/", "ports 80 and 443"),
        ("http://pictures.example:99999/", "ports 80 and 443"),
        ("http://pict\nures.example/", NOT_HAD),
        ("http://[127.0.0.1/", NOT_HAD),
        (f"http://{'a' * 70}.example/", NOT_HAD),
    ],
)
def test_other_addresses_are_refused_and_nothing_is_asked(url: str, why: str) -> None:
    assert why in refusal(url, FetchRules())


def test_a_long_answer_is_read_to_the_limit_only(site: Site) -> None:
    given = rules(site.port, max_bytes=100_000)
    for path, more in (("/exact", 0), ("/more", 1)):
        body = picture()
        site.answers[path] = (200, {}, body + bytes(100_000 - len(body) + more))
    assert len(fetch(f"http://{HERE}:{site.port}/exact", given)) == 100_000
    assert "more than 0.1 MB" in refusal(f"http://{HERE}:{site.port}/more", given)


def test_a_server_that_drips_is_left_when_the_time_is_up(site: Site) -> None:
    assert "within 0.3 seconds" in refusal(f"http://{HERE}:{site.port}/slow", rules(site.port, seconds=0.3))


def test_what_is_no_picture_is_refused_whatever_its_content_type_says(site: Site) -> None:
    assert "a web page" in refusal(f"http://{HERE}:{site.port}/page", rules(site.port))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for pictures.example, with its key in the same file."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=DNS:pictures.example", "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "certificate.pem").read_bytes())
    return both


def test_the_certificate_has_to_be_that_of_the_name_though_the_connection_goes_to_a_number(certificate: Path) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    named: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: named.append(name)
    trusting = ssl.create_default_context(cafile=str(certificate.with_name("certificate.pem")))
    with open_site(tls=tls) as site:
        site.answers["/red.png"] = (200, {}, picture())
        given, names = rules(site.port), Names([[HERE]])
        assert fetch(f"https://pictures.example:{site.port}/red.png", given, names, trusting) == picture()
        assert NOT_HAD in refusal(f"https://other.example:{site.port}/red.png", given, names, trusting)
        assert NOT_HAD in refusal(f"https://pictures.example:{site.port}/red.png", given, names)
        assert len(site.asked) == 1
    assert named == ["pictures.example", "other.example", "pictures.example"]


@pytest.fixture
def fetching(site: Site, tmp_path: Path) -> Iterator[TestClient]:
    """A client of a service that fetches pictures from `site`."""

    def open_service() -> object:
        return open_colours(tmp_path / "pictures", max_limit=50)[0]

    with TestClient(create_app(open_service, None, lambda: PictureFetcher(rules(site.port)))) as client:
        yield client


def test_a_picture_by_its_address_finds_what_the_picture_itself_finds(fetching: TestClient, site: Site) -> None:
    url = f"http://{HERE}:{site.port}/red.png"
    by_address = fetching.post("/search", json={"image_url": url})
    assert by_address.status_code == 200, by_address.text
    by_itself = fetching.post("/search", files={"image": ("red.png", picture(), "image/png")})
    assert by_address.json()["hits"] == by_itself.json()["hits"]
    assert by_address.json()["hits"][0]["id"] == 1
    as_term = fetching.post("/search", json={"terms": [{"url": url, "weight": 2}]})
    assert [hit["id"] for hit in as_term.json()["hits"]] == [hit["id"] for hit in by_itself.json()["hits"]]
    less = fetching.post("/search", json={"query": "blue", "terms": [{"url": url, "weight": -1}]}).json()
    assert less["hits"][0]["id"] != 1


def test_a_batch_fetches_each_address_once(fetching: TestClient, site: Site) -> None:
    url = f"http://{HERE}:{site.port}/red.png"
    answer = fetching.post("/search/batch", json={"queries": [{"image_url": url}, {"terms": [{"url": url}]}]})
    assert [each["hits"][0]["id"] for each in answer.json()["answers"]] == [1, 1]
    assert len(site.asked) == 1


def test_the_parameter_that_is_wrong_is_named(fetching: TestClient, site: Site) -> None:
    good, bad = (f"http://{HERE}:{site.port}/{name}" for name in ("red.png", "page"))
    terms = [{"text": "red"}, {"url": good}, {"url": bad}]
    assert_problem(fetching.post("/search", json={"terms": terms}), 422, "terms.2.url")
    batch = {"queries": [{"query": "red"}, {"image_url": bad}]}
    assert_problem(fetching.post("/search/batch", json=batch), 422, "queries.1.image_url")
    assert_problem(fetching.post("/search", json={"terms": [{"url": good, "text": "red"}]}), 422, "terms")
    many = [{"url": f"{good}?{number}"} for number in range(MAX_FETCHED + 1)]
    assert_problem(fetching.post("/search", json={"terms": many}), 422, "terms.0.url")
    assert_problem(fetching.post("/search", json={"image_url": "http://a.example/" + "a" * 2000}), 422, "image_url")


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"image_url": "http://127.0.0.1/red.png"}, "image_url"),
        ({"query": "red", "terms": [{"url": "http://127.0.0.1/red.png"}]}, "terms.0.url"),
    ],
)
def test_without_the_setting_addresses_are_refused_and_the_setting_is_named(
    client: TestClient, body: dict[str, object], parameter: str
) -> None:
    answer = client.post("/search", json=body)
    assert_problem(answer, 422, parameter)
    assert "SEARCH_FETCH_URLS=on" in answer.json()["detail"]


@pytest.mark.parametrize("value", ["on", "off"])
def test_the_setting_decides_and_is_off_by_default(value: str) -> None:
    async def opened() -> PictureFetcher | None:
        return open_fetcher(load_settings(fetch_urls=value))

    assert Settings.model_fields["fetch_urls"].default == "off"
    assert isinstance(anyio.run(opened), PictureFetcher) == (value == "on")
