"""What a collection holds, as far as adding to it asks: read once, then kept true from commit to commit.

About 400 bytes a picture, where all that the index knows of it takes four times as much.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Self

import numpy as np
from numpy.typing import NDArray

from search_app.datatypes import Known, Manifest
from search_app.index.base import IndexWriter
from search_app.ingest.copies import Looks, group_copies
from search_app.ingest.copies_pass import all_pictures, is_grouped, looks_of


class Holdings:
    """The paths of a collection's pictures, and what their groups of copies depend on."""

    def __init__(self, known: Sequence[Known], manifest: Manifest) -> None:
        """`known`, in id order, is all that the writer of `manifest` holds."""
        self.manifest = manifest
        """Of the commit after which this is true."""
        self.next_id = manifest.next_id
        self._ids = {item.picture.path: item.id for item in known}
        self._fields = Counter(name for item in known for name in item.picture.meta)
        self._looks = _Columns(known)
        # Groups of copies among pictures with smaller ids stay as they are.
        self._came_since = manifest.next_id if is_grouped(known, manifest) else 0

    @classmethod
    def of(cls, writer: IndexWriter, last: Self | None = None) -> Self:
        """What a writer holds that was just opened; `last`, where that is still true, so that nothing is read."""
        if last is not None and not writer.resumed() and last.manifest == writer.manifest():
            return last
        return cls(all_pictures(writer.scan()), writer.manifest())

    def id_at(self, path: str) -> int | None:
        """The picture under a path."""
        return self._ids.get(path)

    def at(self, paths: Collection[str]) -> list[int]:
        """The pictures under these paths, and below those that are none of a picture."""
        there = {path: self._ids[path] for path in paths if path in self._ids}
        folders = {*paths} - there.keys()
        if folders:
            there |= {
                path: number
                for path, number in self._ids.items()
                if not folders.isdisjoint(map(str, PurePosixPath(path).parents))
            }
        return sorted(there.values())

    def content(self, number: int) -> str:
        """The content hash of a picture that is there."""
        return self._looks.contents[self._looks.row(number)]

    def fields_with(self, more: Mapping[str, object]) -> int:
        """How many metadata fields there would be with those of one more picture."""
        return len(self._fields.keys() | more.keys())

    def new_id(self) -> int:
        """An id for a new picture; given once."""
        number, self.next_id = self.next_id, self.next_id + 1
        return number

    def put(self, known: Known, before: Known | None = None) -> None:
        """Note a new picture, with the highest id so far, or one that takes the place of what was known `before`."""
        if before is None:
            self._looks.append(known)
        else:
            self._forget(before)
            self._looks.replace(known)
            if before.picture.content_hash != known.picture.content_hash:
                self._came_since = 0  # what was like it may be no more
        self._ids[known.picture.path] = known.id
        self._fields.update([*known.picture.meta])

    def drop(self, gone: Sequence[Known]) -> None:
        """Note that pictures are removed."""
        for one in gone:
            self._forget(one)
            if one.picture.copy_of:
                self._came_since = 0  # the others of its group need another first one
        self._looks.remove([one.id for one in gone])

    def _forget(self, known: Known) -> None:
        if self._ids.get(known.picture.path) == known.id:  # else another came there already: names were exchanged
            del self._ids[known.picture.path]
        self._fields -= Counter([*known.picture.meta])

    def regroup(self, writer: IndexWriter) -> None:
        """Bring the groups of copies up to date, for the next commit; see `copies_pass.refresh_copies`."""
        if self._came_since >= self.next_id:
            return
        ids, copy_of = self._looks.ids, self._looks.copy_of
        heads = np.where(copy_of > 0, copy_of, ids)
        is_settled = ids < self._came_since
        settled = dict(zip(ids[is_settled].tolist(), heads[is_settled].tolist(), strict=True))
        groups = group_copies(self._looks.looks(), writer.vectors, settled=settled)
        wanted = np.zeros_like(copy_of)
        wanted[np.searchsorted(ids, [*groups])] = [*groups.values()]
        changed = writer.fetch(ids[wanted != copy_of].tolist()).values()
        writer.update_pictures(
            [replace(one, picture=replace(one.picture, copy_of=groups.get(one.id, 0))) for one in changed]
        )
        self._looks.copy_of, self._came_since = wanted, self.next_id

    def moved_on(self, before: Manifest, after: Manifest) -> None:
        """Note a commit of something else, such as words: this stays true where it was true before."""
        if self.manifest == before:
            self.manifest = after

    def committed(self, manifest: Manifest) -> None:
        """Note that all of it was committed."""
        self.manifest = manifest


class _Columns:
    """What copies are found by, a row for each picture in the order of ids."""

    def __init__(self, known: Sequence[Known]) -> None:
        looks = looks_of(known)
        self.ids, self.contents = looks.ids, [*looks.contents]
        self._hashes, self._shapes = looks.hashes, looks.shapes
        unknown = np.zeros((len(known), 2), np.uint16)
        self._colours = unknown if looks.colours is None else looks.colours
        self.copy_of: NDArray[np.int64] = np.array([item.picture.copy_of for item in known], np.int64)

    def looks(self) -> Looks:
        """Of all."""
        return Looks(self.ids, self.contents, self._hashes, self._shapes, self._colours)

    def row(self, number: int) -> int:
        """Where a picture stands that is there."""
        return int(np.searchsorted(self.ids, number))

    def append(self, known: Known) -> None:
        """Add one with a higher id than all others."""
        new = _Columns([known])
        self.ids, self.copy_of = np.append(self.ids, new.ids), np.append(self.copy_of, new.copy_of)
        self.contents += new.contents
        self._hashes = np.concatenate([self._hashes, new._hashes])
        self._shapes = np.append(self._shapes, new._shapes)
        self._colours = np.concatenate([self._colours, new._colours])

    def replace(self, known: Known) -> None:
        """Change the row of one that is there."""
        row, new = self.row(known.id), _Columns([known])
        self.contents[row], self.copy_of[row] = new.contents[0], new.copy_of[0]
        self._hashes[row], self._shapes[row], self._colours[row] = new._hashes[0], new._shapes[0], new._colours[0]

    def remove(self, ids: Sequence[int]) -> None:
        """Take rows out."""
        keep = ~np.isin(self.ids, [*ids])
        self.contents = [one for one, kept in zip(self.contents, keep.tolist(), strict=True) if kept]
        self.ids, self.copy_of = self.ids[keep], self.copy_of[keep]
        self._hashes, self._shapes, self._colours = self._hashes[keep], self._shapes[keep], self._colours[keep]
