"""Text files beside pictures."""

import os

import pytest

from search_app.errors import WordsError
from search_app.words.sidecar import MAX_SIDECAR_BYTES, find_sidecar, read_sidecar


def test_the_longer_name_wins(tmp_path):
    picture = tmp_path / "a.b.jpg"
    assert find_sidecar(picture) is None
    (tmp_path / "a.b.txt").write_text("short")
    assert find_sidecar(picture) == tmp_path / "a.b.txt"
    (tmp_path / "a.b.jpg.txt").write_text("long")
    assert find_sidecar(picture) == tmp_path / "a.b.jpg.txt"


def test_a_folder_of_that_name_is_no_sidecar(tmp_path):
    (tmp_path / "a.txt").mkdir()
    assert find_sidecar(tmp_path / "a.jpg") is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_what_became_a_fifo_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(WordsError, match=r"a\.txt: not a regular file"):
        read_sidecar(tmp_path / "a.txt")


def test_lines_are_words_without_a_place(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfCaf\xc3\xa9  au lait\r\n\r\n  50 %\x00\n")
    words = read_sidecar(path)
    assert [(word.text, word.box, word.confidence) for word in words.words] == [
        ("Caf\u00e9 au lait", None, 1.0),
        ("50 %", None, 1.0),
    ]
    assert words.source == "sidecar"


def test_an_empty_one_says_there_are_no_words(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"")
    assert read_sidecar(path).words == ()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"caf\xe9", r"a\.txt: not UTF-8 at byte 3; save it as UTF-8"),
        (b"x" * (MAX_SIDECAR_BYTES + 1), r"a\.txt: larger than 256 KiB; shorten it"),
    ],
)
def test_what_cannot_be_used_is_refused_with_the_remedy(tmp_path, content, reason):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(WordsError, match=reason):
        read_sidecar(path)
