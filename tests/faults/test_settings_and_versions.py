"""What is wrong between client and server for good: keys, certificates, addresses, versions. A sentence, no secret."""

import datetime as dt
import ipaddress
import logging
import ssl
from pathlib import Path

import pytest

from search_app.errors import IndexUnavailable, SearchAppError, SettingsError, VectorIndexError
from search_app.index.server.store import ServerStore
from search_app.index.server.versions import client_version, skew
from search_app.settings import load_settings
from tests.containers import qdrant_stand_in
from tests.faults.conftest import STEADY, fill, reading
from tests.faults.plans import always
from tests.faults.proxy import faulty_proxy
from tests.index.points import query

KEY = "k3y-of-the-8erver"


def complaint(url: str, key: str = "") -> str:
    """What opening a reader and asking says."""
    with pytest.raises(SearchAppError) as told:
        ask(ServerStore(url, "images", key))
    return f"{told.value}"


def ask(store: ServerStore) -> None:
    reader = store.reader()
    try:
        reader.manifest()
    finally:
        reader.close()


@pytest.mark.parametrize("answer", ["401", "403", "echo:401", "echo:400", "echo:404", "echo:500"])
def test_a_wrong_key_is_one_sentence_without_the_key(
    server: str, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with faulty_proxy(server, always(answer)) as proxy:
        said = complaint(proxy.url, KEY)
        assert proxy.headers[0]["api-key"] == KEY
    if answer in {"401", "403", "echo:401"}:
        assert said.endswith(f"refuses access ({answer[-3:]}): check QDRANT_API_KEY, and what it may do there")
        assert proxy.done.total() == 1
    assert KEY not in said + caplog.text


@pytest.mark.parametrize("key", [f"{KEY}\n", f" {KEY}", f"{KEY}\u00e9"])
def test_a_key_that_no_request_can_carry_is_refused_without_being_told(key: str) -> None:
    said = complaint("http://127.0.0.1:9", key)
    assert said.startswith("QDRANT_API_KEY holds blanks, line breaks or letters")
    assert KEY not in said


@pytest.mark.parametrize("url", ["http://127.0.0.1:99999", "http://user:s3cret@127.0.0.1:port", "http://127.0.0.1:0"])
def test_an_address_that_cannot_be_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match=r"QDRANT_URL=http://127\.0\.0\.1:") as told:
        ServerStore(url, "images").reader()
    assert "s3cret" not in str(told.value)


def test_a_password_in_the_address_is_not_told(server: str) -> None:
    with faulty_proxy(server, always("echo:400")) as proxy:
        said = complaint(proxy.url.replace("://", "://user:s3cret@") + "?token=t0ken")
    assert "s3cret" not in said
    assert "t0ken" not in said
    assert proxy.url in said
    with pytest.raises(SettingsError, match="QDRANT_URL: ") as told:
        load_settings(qdrant_url="http://user:s3cret@127.0.0.1")
    assert "s3cret" not in str(told.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and certificate of 127.0.0.1, signed by itself, made just now."""
    pytest.importorskip("cryptography", reason="makes the certificate of a server")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "stand-in")])
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(key.private_bytes(*pem) + made.public_bytes(serialization.Encoding.PEM))
    return file


def test_tls_that_fails_says_why_and_is_not_tried_again(
    filled: tuple[str, str], certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, name = filled
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with faulty_proxy(server, always("pass"), context) as proxy:
        assert "CERTIFICATE_VERIFY_FAILED" in (said := complaint(proxy.url))
        assert "SSL_CERT_FILE" in said
        assert "does not answer" in complaint(proxy.url.replace("https", "http"))
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert "127.0.0.1" not in proxy.url.replace("127.0.0.1", "localhost")
        assert "write the host name of its certificate" in complaint(proxy.url.replace("127.0.0.1", "localhost"))
        reader = ServerStore(proxy.url, name).reader()
        assert reader.count() == 30
        reader.close()
    assert "where it speaks plain HTTP, write http://" in complaint(server.replace("http", "https"))


def test_a_server_of_another_version_is_warned_of_once_by_the_clients_own_rule(
    server: str, name: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qdrant_stand_in, "VERSION", "1.9.4")
    store = ServerStore(server, name)
    fill(store)
    reader = store.reader()
    for _ in range(3):
        reader._known_until = 0.0
        reader.manifest()
    reader.close()
    words = f"it is Qdrant 1.9.4, but qdrant-client {client_version()} is made for the same major version"
    assert caplog.text.count(words) == 2
    assert "upgrade the server, or install qdrant-client==1.9.*" in caplog.text


def test_versions_that_go_together_are_not_spoken_of() -> None:
    major, minor, *_ = client_version().split(".")
    assert skew(f"{major}.{int(minor) - 1}.3") == skew(f"{major}.{minor}.0-dev") == ""
    assert "qdrant-client==2.0.*" in skew("2.0.1")
    assert "upgrade" in skew("nightly")


@pytest.mark.parametrize("kind", ["404", "405", "501"])
def test_what_a_server_does_not_know_is_told_with_its_version(
    filled: tuple[str, str], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qdrant_stand_in, "VERSION", "1.8.2")
    with reading(filled, lambda asked: kind if "query" in asked.path else "pass") as (_, reader):
        with pytest.raises(
            VectorIndexError, match=r"does not know what it is asked for.* it is Qdrant 1\.8\.2"
        ) as told:
            reader.search([query(17, 1)])
        assert not isinstance(told.value, IndexUnavailable)
        assert "upgrade the server" in str(told.value)


def test_an_address_of_something_else_says_so(server: str) -> None:
    with (
        faulty_proxy(server, always("404")) as proxy,
        pytest.raises(VectorIndexError, match="QDRANT_URL names a Qdrant"),
    ):
        fill(ServerStore(proxy.url, "images", waits=(STEADY, STEADY)))
