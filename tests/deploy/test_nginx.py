"""deploy/nginx run for real: nginx with TLS before the service, and what passes between them."""

import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from search_app.api.guarding.bodies import MAX_PICTURES_BYTES
from tests.conftest import ROOT, clean_environment, free_port

MISSING = [name for name in ("nginx", "openssl") if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"nginx is run with a certificate of openssl's: {MISSING}")
FILE = ROOT / "deploy" / "nginx" / "image-search.conf"
HOST = "search.example.org"
A_MINUTE = 40
PATIENCE_S = 60


@dataclass(frozen=True)
class Place:
    """Where the two listen."""

    tls: int
    plain: int
    direct: int
    certificate: str

    def client(self, address: str = "127.0.0.1", port: int | None = None) -> httpx.Client:
        """A client at an address of this machine; it knows the proxy by its name."""
        transport = httpx.HTTPTransport(local_address=address, verify=self.trust(), retries=0)
        url = f"https://127.0.0.1:{self.tls}" if port is None else f"http://127.0.0.1:{port}"
        return httpx.Client(transport=transport, base_url=url, headers={"host": HOST}, timeout=PATIENCE_S)

    def trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.certificate)
        context.check_hostname = False  # the address is this machine's, the name the certificate's
        return context


def made_certificate(folder: Path) -> tuple[Path, Path]:
    key, certificate = folder / "privkey.pem", folder / "fullchain.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(
        [*command, "-days", "2", "-subj", f"/CN={HOST}", "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return certificate, key


def settled(port: int, process: "subprocess.Popen[str]") -> None:
    """Wait until somebody listens."""
    give_up = time.monotonic() + PATIENCE_S
    while True:
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < give_up
            time.sleep(0.05)
        else:
            return


def configured(place: Place, folder: Path, key: Path) -> Path:
    """The file as it is, with ports of this test, its certificate, and less patience than twenty seconds."""
    text = FILE.read_text()
    for old, new in (
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{place.direct};"),
        ("listen 80;", f"listen 127.0.0.1:{place.plain};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{place.tls} ssl http2;"),
        ("/etc/letsencrypt/live/search.example.org/fullchain.pem", place.certificate),
        ("/etc/letsencrypt/live/search.example.org/privkey.pem", str(key)),
        ("client_header_timeout 20s;", "client_header_timeout 1s;"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    text = re.sub(r"(?m)^ *listen \[::\].*\n", "", text)
    temp = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = folder / "nginx.conf"
    whole.write_text(
        f"daemon off;\npid {folder}/pid;\nerror_log {folder}/errors.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temp}{text}\n}}\n"
    )
    return whole


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("nginx")
    certificate, key = made_certificate(folder)
    place = Place(free_port(), free_port(), free_port(), str(certificate))
    env = clean_environment(
        SEARCH_MODEL="stub",
        SEARCH_ALLOWED_HOSTS=HOST,
        SEARCH_TRUSTED_PROXIES="127.0.0.1",
        SEARCH_RATE_LIMIT=str(A_MINUTE),
    )
    command = [sys.executable, "-m", "search_app", "serve", "--port", str(place.direct)]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "cwd": folder}
    service = subprocess.Popen(command, env=env, **options)  # type: ignore[call-overload]
    nginx = subprocess.Popen(["nginx", "-c", str(configured(place, folder, key))], **options)  # type: ignore[call-overload]
    try:
        settled(place.direct, service)
        settled(place.tls, nginx)
        yield place
    finally:
        for process in (nginx, service):
            process.terminate()
            process.communicate(timeout=PATIENCE_S)


def test_plain_http_leads_to_tls_and_tls_is_there_to_stay(place: Place) -> None:
    with place.client(port=place.plain) as client:
        answer = client.get("/search?query=car")
        assert (answer.status_code, answer.headers["location"]) == (301, f"https://{HOST}/search?query=car")
    with place.client() as client:
        answer = client.get("/healthz")
        assert answer.status_code == 200
        assert answer.headers["strict-transport-security"] == "max-age=31536000", "the service knows that it is TLS"
        assert "server" not in answer.headers or "/" not in answer.headers["server"]


def test_metrics_stay_on_the_machine(place: Place) -> None:
    with place.client("127.0.0.9") as client:
        assert client.get("/metrics").status_code == 404
        assert "metrics" not in client.get("/metrics").text


def test_a_picture_of_the_largest_size_passes_and_a_larger_one_is_refused_at_once(place: Place) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n'
    tail = b"\r\n--x--\r\n"
    form = {"content-type": "multipart/form-data; boundary=x"}
    with place.client("127.0.0.10") as client:
        body = head + b"\0" * (MAX_PICTURES_BYTES - len(head) - len(tail)) + tail
        answer = client.post("/search", content=body, headers=form)
        assert answer.headers["content-type"] == "application/problem+json", "the service itself answered"
        assert answer.status_code != 413
        answer = client.post("/search", content=b"\0" * (31 * 2**20), headers=form)
        assert answer.status_code == 413


def test_who_asks_is_told_apart_by_his_address_and_not_by_what_he_says(place: Place) -> None:
    with place.client("127.0.0.3") as greedy, place.client("127.0.0.4") as modest:
        said = [
            greedy.get("/search?query=car", headers={"x-forwarded-for": f"9.9.9.{number}"}).status_code
            for number in range(A_MINUTE + 5)
        ]
        assert said[:10] == [503] * 10, "nothing is indexed"
        assert said[-1] == 429, "however he calls himself"
        assert modest.get("/search?query=car").status_code == 503, "and others are not made to wait for it"


def test_nobody_but_the_proxy_is_believed(place: Place) -> None:
    with place.client("127.0.0.5", place.direct) as liar:
        said = [
            liar.get("/search?query=car", headers={"x-forwarded-for": f"9.9.9.{number}"}).status_code
            for number in range(A_MINUTE + 5)
        ]
        assert said[-1] == 429
        answer = liar.get("/healthz", headers={"x-forwarded-proto": "https"})
        assert "strict-transport-security" not in answer.headers


def test_a_slow_head_is_cut_off(place: Place) -> None:
    with (
        socket.create_connection(("127.0.0.1", place.tls), timeout=PATIENCE_S) as plain,
        place.trust().wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\nX-Slow: ".encode())
        assert connection.recv(4096) == b""


def test_another_name_is_refused(place: Place) -> None:
    with place.client("127.0.0.6") as client:
        assert client.get("/search?query=car", headers={"host": "other.example.org"}).status_code == 421
