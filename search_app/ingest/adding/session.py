"""What is added and removed while one writer holds the collection: files first, then the index, one commit for all."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from search_app.datatypes import Known, Manifest, Picture, Point
from search_app.errors import BadRequest, FolderClosed, NameTaken, NotFound, SearchAppError
from search_app.index.base import IndexWriter
from search_app.ingest.adding.files import PictureFolder
from search_app.ingest.adding.values import Added, Upload
from search_app.ingest.copies_pass import lacks_groups, refresh_copies
from search_app.ingest.metadata import MAX_FIELDS


class Session:
    """Changes a folder and its collection together.

    A file comes before its entry in the index and goes before it: killed between the two, a folder has a picture more
    that the next index run finds, or an entry without a file that the same request, sent again, or that run removes.
    """

    def __init__(self, folder: Path, writer: IndexWriter) -> None:
        self._files = PictureFolder(folder)
        self._writer = writer
        before = writer.manifest()
        self._known = {item.id: item for item in writer.scan()}
        self._ids = {item.picture.path: item.id for item in self._known.values()}
        self._next_id = before.next_id
        is_grouped = len(self._known) == before.count and not lacks_groups([*self._known.values()])
        # Groups of copies among pictures with smaller ids stay as they are.
        self._came_since = before.next_id if is_grouped else 0

    def add(self, uploads: Sequence[Upload]) -> list[Added]:
        """Store pictures.

        Raises `NameTaken`, `BadRequest`, `FolderClosed` or `DiskFull`, naming the picture, before any of them is in the
        index; files that were written by then are gone again.
        """
        there = self._check(uploads)
        self._check_fields([upload.picture.meta for upload in uploads])
        written: list[str] = []
        try:
            for upload in uploads:
                if upload.picture.path not in there:
                    self._files.write(upload.picture.path, upload.data)
                    there.add(upload.picture.path)
                    written.append(upload.picture.path)
        except SearchAppError:
            for path in written:
                with suppress(FolderClosed):
                    self._files.remove(path)
            raise
        return [self._enter(upload) for upload in uploads]

    def _check(self, uploads: Sequence[Upload]) -> set[str]:
        """The paths whose file is there already; raises where something else is under a name."""
        there: set[str] = set()
        wanted: dict[str, str] = {}
        for upload in uploads:
            path, content = upload.picture.path, upload.picture.content_hash
            on_disk = self._files.content(path)
            known = self._known.get(self._ids.get(path, 0))
            if on_disk not in {None, content} or wanted.setdefault(path, content) != content:
                raise NameTaken(f"{path!r} is another picture or file: choose another name, or remove that one first")
            if known is not None and known.picture.content_hash != content:
                raise NameTaken(
                    f"{path!r} is another picture, id {known.id}, whose file is gone: choose another name, or remove "
                    f"that one first with DELETE /images/{known.id}"
                )
            there |= {path} if on_disk == content else set()
        return there

    def _check_fields(self, given: Sequence[Mapping[str, object]]) -> None:
        """As `metadata` has it for an index run: each field of any picture is indexed for filters and counting."""
        new = {name for meta in given for name in meta}
        if new and len(new.union(*(item.picture.meta for item in self._known.values()))) > MAX_FIELDS:
            raise BadRequest(f"this would make more than {MAX_FIELDS} metadata fields in all: leave some out", "meta")

    def _enter(self, upload: Upload) -> Added:
        """Put a picture whose file is there into the index, as an index run would find it."""
        status = self._files.status(upload.picture.path)
        picture = replace(upload.picture, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
        number = self._ids.get(picture.path)
        if number is not None:
            self._renew(self._known[number], picture)
            return Added(number, picture.path, created=False)
        number, self._next_id = self._next_id, self._next_id + 1
        self._writer.upsert([Point(number, upload.vector, picture)])
        self._known[number] = Known(number, picture)
        self._ids[picture.path] = number
        return Added(number, picture.path, created=True)

    def _renew(self, known: Known, picture: Picture) -> None:
        """The same bytes, perhaps in a file that was written again, perhaps with something new said about them."""
        meta = picture.meta or known.picture.meta
        renewed = replace(known.picture, size_bytes=picture.size_bytes, mtime_ns=picture.mtime_ns, meta=meta)
        if renewed != known.picture:
            self._known[known.id] = replace(known, picture=renewed)
            self._writer.update_pictures([self._known[known.id]])

    def remove(self, image_id: int) -> None:
        """Remove a picture, its file first; raises `NotFound` or `FolderClosed`."""
        known = self._known.get(image_id)
        if known is None:
            raise NotFound(f"no image has id {image_id}")
        self._files.remove(known.picture.path)
        self._writer.delete([image_id])
        del self._known[image_id], self._ids[known.picture.path]
        if known.picture.copy_of:
            self._came_since = 0

    def commit(self) -> Manifest:
        """Make all of it durable and visible."""
        if self._next_id > self._came_since:
            refresh_copies(self._writer, since=self._came_since, known=[*self._known.values()])
        return self._writer.commit(final=True)
