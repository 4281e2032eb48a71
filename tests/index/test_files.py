"""Copies keep content and holes; writes are whole or absent."""

import os
from pathlib import Path

import psutil
import pytest

from search_app.errors import DiskFull
from search_app.index.files import copy_tree_sparse, real_size, require_space, sync_tree, write_atomically


def make_tree(folder: Path) -> dict[str, bytes]:
    """Files with data at the start, in the middle, at the end, nowhere."""
    (folder / "deep" / "er").mkdir(parents=True)
    shapes = {"empty": b"", "small": b"x", "deep/zeros": bytes(3_000_000), "deep/er/odd": os.urandom(1_234_567)}
    for name, content in shapes.items():
        (folder / name).write_bytes(content)
    for name, offsets in {"hole": (), "middle": (5_000_000,), "ends": (0, 32_000_000 - 5)}.items():
        with (folder / name).open("wb") as file:
            file.truncate(32_000_000)
            for offset in offsets:
                file.seek(offset)
                file.write(b"hello")
        shapes[name] = (folder / name).read_bytes()
    return shapes


def test_a_copy_has_the_content_and_not_the_size_of_holes(tmp_path: Path) -> None:
    shapes = make_tree(tmp_path / "source")
    copy_tree_sparse(tmp_path / "source", tmp_path / "copy")
    sync_tree(tmp_path / "copy")
    for name, content in shapes.items():
        assert (tmp_path / "copy" / name).read_bytes() == content
    assert real_size(tmp_path / "copy") < 8_000_000
    assert sum(len(content) for content in shapes.values()) > 96_000_000


def test_a_copy_without_the_help_of_the_system_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, position: int, how: int, plain: object = os.lseek) -> int:
        if how not in (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END):
            raise OSError(22, "not supported here")
        return plain(descriptor, position, how)  # type: ignore[operator, no-any-return]

    shapes = make_tree(tmp_path / "source")
    monkeypatch.setattr(os, "lseek", refuse)
    copy_tree_sparse(tmp_path / "source", tmp_path / "copy")
    for name, content in shapes.items():
        assert (tmp_path / "copy" / name).read_bytes() == content
    assert real_size(tmp_path / "copy") < 8_000_000


def test_an_atomic_write_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    for content in (b"first", b"the second one is longer", b""):
        write_atomically(tmp_path / "CURRENT", content)
        assert (tmp_path / "CURRENT").read_bytes() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["CURRENT"]


def test_space_for_two_copies_is_asked_for(tmp_path: Path) -> None:
    require_space(tmp_path, 0)
    with pytest.raises(DiskFull, match="SEARCH_INDEX_DIR"):
        require_space(tmp_path, 10**17)


def test_a_copy_that_meets_what_has_just_gone_leaves_nothing_open(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    for name in "ab":
        (tmp_path / "source" / name).symlink_to("gone")
    before = psutil.Process().num_fds()
    with pytest.raises(FileNotFoundError) as told:
        copy_tree_sparse(tmp_path / "source", tmp_path / "copy")
    assert psutil.Process().num_fds() == before, told  # which holds on to all that was under way
