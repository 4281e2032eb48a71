"""The picture routes: the right bytes, and never a file outside the indexed folder."""

import io
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.api.test_search import assert_problem
from tests.search.colours import COLOURS

RED = "pictures/red/a picture.png"


@pytest.mark.parametrize("number", range(1, len(COLOURS) + 1))
def test_a_picture_is_given_byte_for_byte(client: TestClient, folder: Path, number: int) -> None:
    response = client.get(f"/images/{number}")
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/png"
    assert response.content == (folder / list(COLOURS)[number - 1] / "a picture.png").read_bytes()


def test_the_type_is_that_of_the_content(own_client: TestClient, tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / RED, "WEBP")
    assert own_client.get("/images/1").headers["content-type"] == "image/webp"


@pytest.mark.parametrize("path", ["/images/1", "/images/1/thumbnail"])
def test_a_picture_can_run_nothing_in_a_browser(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert "sandbox" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"].startswith("private")


@pytest.mark.parametrize("path", ["/images/1", "/images/1/thumbnail", "/images/1/thumbnail?size=64"])
def test_a_picture_the_caller_has_is_not_sent_again(client: TestClient, path: str) -> None:
    first = client.get(path)
    again = client.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert client.get(path, headers={"if-none-match": '"another"'}).content == first.content


def test_a_picture_is_not_sent_again_after_its_date(client: TestClient) -> None:
    date = client.get("/images/1").headers["last-modified"]
    assert client.get("/images/1", headers={"if-modified-since": date}).status_code == 304
    for odd in ("yesterday", "Mon, 99 Foo 99999 99:99:99 GMT", "0", ",,,"):
        assert client.get("/images/1", headers={"if-modified-since": odd}).status_code in {200, 304}


def test_a_changed_file_is_sent_again(own_client: TestClient, tmp_path: Path) -> None:
    etag = own_client.get("/images/1").headers["etag"]
    Image.new("RGB", (10, 10)).save(tmp_path / RED)
    assert own_client.get("/images/1", headers={"if-none-match": etag}).status_code == 200


@pytest.mark.parametrize("wanted", ["bytes=0-3", "bytes=9999999-", "lines=1", "nonsense", "bytes=5-1"])
def test_ranges_are_ignored(client: TestClient, wanted: str) -> None:
    response = client.get("/images/1", headers={"range": wanted})
    assert response.status_code == 200
    assert response.content == client.get("/images/1").content


@pytest.mark.parametrize(("asked", "size"), [("", (320, 200)), ("?size=64", (64, 40)), ("?size=2048", (640, 400))])
def test_a_thumbnail_is_a_small_jpeg(client: TestClient, asked: str, size: tuple[int, int]) -> None:
    response = client.get(f"/images/1/thumbnail{asked}")
    assert response.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(response.content)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", size)


@pytest.mark.parametrize("size", ["31", "2049", "-1", "big", "9" * 400])
def test_a_thumbnail_has_limits(client: TestClient, size: str) -> None:
    assert_problem(client.get(f"/images/1/thumbnail?size={size}"), 422, "size")


@pytest.mark.parametrize("path", ["/images/1", "/images/1/thumbnail"])
def test_a_file_that_vanished_is_not_found(own_client: TestClient, tmp_path: Path, path: str) -> None:
    own_client.get(path)
    (tmp_path / RED).unlink()
    assert_problem(own_client.get(path), 404)


@pytest.mark.parametrize("path", ["/images/1", "/images/1/thumbnail"])
def test_a_file_that_is_no_picture_any_more_is_not_found(own_client: TestClient, tmp_path: Path, path: str) -> None:
    (tmp_path / RED).write_text("<html><script>alert(1)</script></html>")
    assert_problem(own_client.get(path), 404)


@pytest.mark.parametrize("path", ["/images/1", "/images/1/thumbnail"])
@pytest.mark.parametrize("linked", ["file", "folder"])
def test_a_link_out_of_the_folder_is_not_followed(
    own_client: TestClient, tmp_path: Path, path: str, linked: str
) -> None:
    outside = tmp_path / "outside"
    (tmp_path / "pictures" / "red").rename(outside)
    if linked == "folder":
        (tmp_path / "pictures" / "red").symlink_to(outside)
    else:
        (tmp_path / "pictures" / "red").mkdir()
        (tmp_path / RED).symlink_to(outside / "a picture.png")
    response = own_client.get(path)
    assert_problem(response, 404)
    assert str(tmp_path) not in response.text


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", str(2**63), str(2**64), "9" * 5000, "%00", "1%2F..%2F2"])
@pytest.mark.parametrize("rest", ["", "/thumbnail", "/similar"])
def test_an_id_that_cannot_be_is_the_callers_mistake(client: TestClient, number: str, rest: str) -> None:
    response = client.get(f"/images/{number}{rest}")
    assert response.status_code in {404, 422}
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("number", ["8", str(2**63 - 1)])
@pytest.mark.parametrize("rest", ["", "/thumbnail", "/similar"])
def test_an_id_that_was_never_given_is_not_found(client: TestClient, number: str, rest: str) -> None:
    assert_problem(client.get(f"/images/{number}{rest}"), 404)


def test_head_tells_the_length_without_the_picture(client: TestClient) -> None:
    response = client.head("/images/1")
    assert response.status_code == 200
    assert int(response.headers["content-length"]) == len(client.get("/images/1").content)
    assert client.head("/images/1/thumbnail").status_code == 200
