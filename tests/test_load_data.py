"""`load_data.sh` against a server on this machine that misbehaves as servers do."""

import datetime as dt
import io
import ipaddress
import os
import ssl
import stat
import subprocess
import threading
import zipfile
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SCRIPT = Path(__file__).parents[1] / "load_data.sh"
PICTURES = {f"{number}.jpg": os.urandom(60_000) for number in (10, 20, 30)}
LABELS = {"Topics.json": b'{"0/10.jpg": ["9"]}', "Topics_List.txt": b"9\tCars"}


def zipped(files, folder=""):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name if isinstance(name, zipfile.ZipInfo) else folder + name, content)
    return buffer.getvalue()


@dataclass
class Resource:
    """One file of the server and its bad habits."""

    content: bytes
    etag: str = '"first"'
    drops: int = 0
    """How many times the connection breaks after a third of what is left, 20 kB at least."""
    ignores_range: bool = False
    lie: int = 0
    """Added to the length that is announced."""
    errors: list[int] = field(default_factory=list)
    """Statuses of the first downloads."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        resource = self.server.resources.get(self.path)
        self.send_response(200 if resource else 404)
        self.send_header("Content-Length", str(len(resource.content) + resource.lie if resource else 0))
        self.end_headers()

    def do_GET(self):
        wanted = self.headers.get("Range")
        self.server.downloads.append((self.path, wanted))
        resource = self.server.resources.get(self.path)
        if resource is None or resource.errors:
            self.refuse(resource.errors.pop(0) if resource else 404)
            return
        current = self.headers.get("If-Range") in {None, resource.etag}
        start = int(wanted.split("=")[1].rstrip("-")) if wanted and current and not resource.ignores_range else 0
        if start and start >= len(resource.content) and not resource.lie:
            self.refuse(416, ("Content-Range", f"bytes */{len(resource.content)}"))
            return
        self.answer(resource, start)

    def refuse(self, status, *headers):
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", "0")]:
            self.send_header(name, value)
        self.end_headers()

    def answer(self, resource, start):
        body = resource.content[start:]
        announced = len(body) + resource.lie
        self.send_response(206 if start else 200)
        if start:
            end = start + announced
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        self.send_header("Content-Length", str(announced))
        self.send_header("ETag", resource.etag)
        self.end_headers()
        if resource.drops:
            resource.drops -= 1
            body = body[: max(20_000, len(body) // 3)]
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *arguments):
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    resources: dict[str, Resource]
    downloads: list[tuple[str, str | None]]

    def handle_error(self, request, client_address):
        """A client that hangs up early is not this server's problem."""

    def __setitem__(self, name, resource):
        self.resources[f"/{name}"] = resource if isinstance(resource, Resource) else Resource(resource)

    def ranges(self, name):
        return [wanted for path, wanted in self.downloads if path == f"/{name}"]


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as running:
        running.resources, running.downloads = {}, []
        running["subfolder-0.zip"] = zipped(PICTURES, "0/")
        running["subfolder-1.zip"] = zipped(PICTURES)
        running["labels.zip"] = zipped(LABELS, "image/")
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def load(server, tmp_path):
    address = f"http://127.0.0.1:{server.server_address[1]}"
    environment = os.environ | {
        "ADS_BASE_URL": address,
        "ADS_LABELS_URL": f"{address}/labels.zip",
        "ADS_RETRY_SECONDS": "0",
        "SEARCH_DATA_DIR": str(tmp_path / "data"),
        "no_proxy": "127.0.0.1",
    }

    def run(*parts, **changes):
        command = ["bash", str(SCRIPT), *map(str, parts)]
        return subprocess.run(
            command, env=environment | changes, capture_output=True, text=True, timeout=60, check=False
        )

    return run


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def pictures(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def summary(result):
    lines = result.stdout.partition("Summary\n")[2].splitlines()
    return {name.strip(): outcome for name, outcome in (line.split(": ", 1) for line in lines)}


def test_pictures_and_labels_arrive_in_one_layout_and_nothing_else_stays(load, data):
    result = load()
    assert result.returncode == 0, result.stderr
    assert pictures(data / "0") == pictures(data / "1") == PICTURES
    assert pictures(data / "labels") == LABELS
    assert sorted(path.name for path in data.iterdir()) == ["0", "1", "labels"]
    assert summary(result) == {
        "part 0": f"downloaded, 3 files in {data}/0",
        "part 1": f"downloaded, 3 files in {data}/1",
        "labels": f"downloaded, 2 files in {data}/labels",
    }


def test_a_second_run_asks_the_server_for_nothing(load, server):
    load(0)
    server.downloads.clear()
    result = load(0)
    assert result.returncode == 0
    assert server.downloads == []
    assert all("already here" in outcome for outcome in summary(result).values())


@pytest.mark.parametrize("arguments", [["11"], ["0", "-1"], ["x"], [""], ["00"], ["0", "1 2"]])
def test_wrong_use_ends_with_2_before_any_download(load, server, data, arguments):
    result = load(*arguments)
    assert result.returncode == 2
    assert "parts are 0 to 10" in result.stderr
    assert server.downloads == []
    assert not data.exists()


def test_help_is_the_head_of_the_script(load, server):
    result = load("--help")
    assert result.returncode == 0
    assert result.stdout.startswith("Downloads the image ads")
    assert server.downloads == []


def test_a_connection_that_breaks_again_and_again_is_resumed(load, server, data):
    server["subfolder-0.zip"] = Resource(zipped(PICTURES, "0/"), drops=3)
    result = load(0)
    assert result.returncode == 0, result.stderr
    assert pictures(data / "0") == PICTURES
    ranges = server.ranges("subfolder-0.zip")
    starts = [int(wanted.removeprefix("bytes=").rstrip("-")) for wanted in ranges[1:]]
    assert ranges[0] is None
    assert len(starts) == 3
    assert starts == sorted(set(starts))


def test_the_next_run_goes_on_where_a_hopeless_one_stopped(load, server, data):
    content = zipped(PICTURES, "0/")
    server["subfolder-0.zip"] = Resource(content[:100_000], lie=len(content) - 100_000)
    result = load(0)
    assert result.returncode == 1
    assert "the download stops at 0.1 MB" in summary(result)["part 0"]
    assert not (data / "0").exists()
    server["subfolder-0.zip"] = content
    server.downloads.clear()
    assert load(0).returncode == 0
    assert server.ranges("subfolder-0.zip") == ["bytes=100000-"]
    assert pictures(data / "0") == PICTURES


def test_a_file_that_changed_on_the_server_is_downloaded_from_the_start(load, server, data):
    old = zipped({name: bytes(60_000) for name in PICTURES}, "0/")
    server["subfolder-0.zip"] = Resource(old[:100_000], lie=len(old) - 100_000)
    assert load(0).returncode == 1
    server["subfolder-0.zip"] = Resource(zipped(PICTURES, "0/"), etag='"second"')
    assert load(0).returncode == 0
    assert pictures(data / "0") == PICTURES


def test_a_server_without_ranges_is_asked_for_the_whole_again(load, server, data):
    server["subfolder-0.zip"] = Resource(zipped(PICTURES, "0/"), drops=2, ignores_range=True)
    result = load(0)
    assert result.returncode == 0, result.stderr
    assert pictures(data / "0") == PICTURES


def test_a_complete_download_that_was_never_unzipped_is_not_repeated(load, server, data):
    content = zipped(PICTURES, "0/")
    (data / ".download").mkdir(parents=True)
    (data / ".download" / "0.zip.part").write_bytes(content)
    assert load(0).returncode == 0
    assert server.ranges("subfolder-0.zip") == [f"bytes={len(content)}-"]
    assert pictures(data / "0") == PICTURES


def test_a_length_announced_too_long_does_not_lose_the_part(load, server, data):
    server["subfolder-0.zip"] = Resource(zipped(PICTURES, "0/"), lie=1000)
    assert load(0).returncode == 0
    assert pictures(data / "0") == PICTURES


def test_a_length_announced_too_short_is_found_out_and_the_next_run_starts_anew(load, server, data):
    server["subfolder-0.zip"] = Resource(zipped(PICTURES, "0/"), lie=-1000)
    result = load(0)
    assert result.returncode == 1
    assert "not a usable zip" in summary(result)["part 0"]
    assert not (data / "0").exists()
    server["subfolder-0.zip"] = zipped(PICTURES, "0/")
    assert load(0).returncode == 0
    assert server.ranges("subfolder-0.zip")[-1] is None


def test_a_part_that_is_missing_costs_itself_only(load, server, data):
    del server.resources["/subfolder-0.zip"]
    result = load(0, 1)
    assert result.returncode == 1
    assert "FAILED: the server answers HTTP 404" in summary(result)["part 0"]
    assert "FAILED" in result.stderr
    assert pictures(data / "1") == PICTURES
    assert len(server.ranges("subfolder-0.zip")) == 1


def test_labels_that_are_missing_are_reported_and_the_pictures_stay(load, server, data):
    del server.resources["/labels.zip"]
    result = load(0)
    assert result.returncode == 1
    assert "HTTP 404" in summary(result)["labels"]
    assert pictures(data / "0") == PICTURES


def test_a_server_in_trouble_is_asked_again(load, server, data):
    server["subfolder-0.zip"] = Resource(zipped(PICTURES), errors=[503, 429])
    assert load(0).returncode == 0
    assert pictures(data / "0") == PICTURES


def test_a_server_that_cannot_be_reached_is_a_plain_failure(load):
    result = load(0, ADS_BASE_URL="http://127.0.0.1:9")
    assert result.returncode == 1
    assert "FAILED: the download stops at 0.0 MB" in summary(result)["part 0"]


def test_more_than_the_disk_holds_is_not_even_begun(load, server):
    server["subfolder-0.zip"] = Resource(zipped(PICTURES), lie=10**16)
    result = load(0)
    assert result.returncode == 1
    assert "FAILED: needs about 20000000000" in summary(result)["part 0"]
    assert server.ranges("subfolder-0.zip") == []


def entry(name, kind):
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o644) << 16
    return info


CORRUPT = bytearray(zipped(PICTURES))
CORRUPT[30_000] ^= 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"<!doctype html><title>Sign in to the network</title>", "not a zip file"),
        (zipped(PICTURES)[:-30_000], "not a zip file"),
        (bytes(CORRUPT), "Bad CRC-32"),
        (zipped(PICTURES | {"../../evil.jpg": b"x"}), "'../../evil.jpg' leads outside the folder"),
        (zipped(PICTURES | {"0/../../../evil.jpg": b"x"}), "leads outside the folder"),
        (zipped(PICTURES | {"/evil.jpg": b"x"}), "leads outside the folder"),
        (zipped(PICTURES | {"C:\\evil.jpg": b"x"}), "leads outside the folder"),
        (zipped(PICTURES | {entry("link.jpg", stat.S_IFLNK): b"/etc/passwd"}), "'link.jpg' is a link or a device"),
        (zipped(PICTURES | {entry("pipe.jpg", stat.S_IFIFO): b""}), "'pipe.jpg' is a link or a device"),
        (zipped({".hidden": b""}), "it holds no files"),
    ],
)
def test_a_zip_that_is_damaged_or_dangerous_is_refused_whole(load, server, data, content, problem):
    server["subfolder-0.zip"] = content
    result = load(0)
    assert result.returncode == 1
    assert problem in summary(result)["part 0"]
    assert sorted(path.name for path in data.parent.rglob("*") if path.name != ".complete") == [
        "Topics.json",
        "Topics_List.txt",
        "data",
        "labels",
    ]


def test_a_zip_bomb_is_refused(load, server, data):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.jpg", bytes(5_000_000))
    server["subfolder-0.zip"] = buffer.getvalue()
    result = load(0)
    assert "it unpacks to more than 100 times its size" in summary(result)["part 0"]
    assert not (data / "0").exists()


def test_what_desktop_systems_leave_in_archives_is_left_out(load, server, data):
    litter = {"__MACOSX/0/._10.jpg": b"x", "0/.DS_Store": b"x"}
    server["subfolder-0.zip"] = zipped(litter | {f"0/{name}": content for name, content in PICTURES.items()})
    assert load(0).returncode == 0
    assert pictures(data / "0") == PICTURES


def test_a_folder_that_was_there_before_keeps_its_other_files(load, data):
    (data / "0").mkdir(parents=True)
    (data / "0" / "mine.jpg").write_bytes(b"mine")
    (data / "0" / "10.jpg").write_bytes(b"half")
    assert load(0).returncode == 0
    assert pictures(data / "0") == PICTURES | {"mine.jpg": b"mine"}


def certificate(folder: Path) -> Path:
    """A key and a certificate for this machine, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "tls.pem").write_bytes(key.private_bytes(pem, pkcs8, plain) + made.public_bytes(pem))
    return folder / "tls.pem"


@pytest.mark.parametrize("redirects", [True, False])
def test_a_download_over_tls_is_never_led_to_plain_http(server, load, tmp_path, redirects):
    plain = f"http://127.0.0.1:{server.server_address[1]}"

    class Guarded(Handler):
        def do_GET(self):
            if not redirects:
                return super().do_GET()
            self.send_response(302)
            self.send_header("Location", plain + self.path)
            self.send_header("Content-Length", "0")
            return self.end_headers()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate(tmp_path))
    with Server(("127.0.0.1", 0), Guarded) as guarded:
        guarded.resources, guarded.downloads = server.resources, []
        guarded.socket = context.wrap_socket(guarded.socket, server_side=True)
        thread = threading.Thread(target=guarded.serve_forever, args=(0.01,))
        thread.start()
        address = f"https://127.0.0.1:{guarded.server_address[1]}"
        done = load(0, ADS_BASE_URL=address, CURL_CA_BUNDLE=str(tmp_path / "tls.pem"))
        guarded.shutdown()
        thread.join()
    came_plainly = [path for path, _ in server.downloads if path == "/subfolder-0.zip"]
    assert came_plainly == []
    assert (tmp_path / "data" / "0").exists() is not redirects, done.stdout + done.stderr
    assert ("part 0: FAILED" in done.stdout) is redirects
