"""What is added and removed while one writer holds the collection: files first, then the index, one commit for all."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from search_app.datatypes import Known, Manifest, Picture, Point
from search_app.errors import BadRequest, FolderClosed, NameTaken, NotFound, SearchAppError
from search_app.index.base import IndexWriter
from search_app.ingest.adding.files import PictureFolder
from search_app.ingest.adding.holdings import Holdings
from search_app.ingest.adding.values import Added, Upload
from search_app.ingest.encode import Encoded
from search_app.ingest.metadata import MAX_FIELDS
from search_app.ingest.plan import Plan


class Session:
    """Changes a folder and its collection together.

    A file comes before its entry in the index and goes before it: killed between the two, a folder has a picture more
    that the next index run finds, or an entry without a file that the same request, sent again, or that run removes.
    """

    def __init__(self, folder: Path, writer: IndexWriter, holdings: Holdings) -> None:
        """`holdings` are what `writer` holds, and are kept true; after an error they are of no use any more."""
        self._files = PictureFolder(folder)
        self._writer, self._holdings = writer, holdings

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
            known = self._holdings.id_at(path)
            if on_disk not in {None, content} or wanted.setdefault(path, content) != content:
                raise NameTaken(f"{path!r} is another picture or file: choose another name, or remove that one first")
            if known is not None and self._holdings.content(known) != content:
                raise NameTaken(
                    f"{path!r} is another picture, id {known}, whose file is gone: choose another name, or remove "
                    f"that one first with DELETE /images/{known}"
                )
            there |= {path} if on_disk == content else set()
        return there

    def _check_fields(self, given: Sequence[Mapping[str, object]]) -> None:
        """As `metadata` has it for an index run: each field of any picture is indexed for filters and counting."""
        new = dict.fromkeys(name for meta in given for name in meta)
        if new and self._holdings.fields_with(new) > MAX_FIELDS:
            raise BadRequest(f"this would make more than {MAX_FIELDS} metadata fields in all: leave some out", "meta")

    def _enter(self, upload: Upload) -> Added:
        """Put a picture whose file is there into the index, as an index run would find it."""
        status = self._files.status(upload.picture.path)
        picture = replace(upload.picture, size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)
        number = self._holdings.id_at(picture.path)
        if number is not None:
            self._renew(self._known(number), picture)
            return Added(number, picture.path, created=False)
        number = self._holdings.new_id()
        self._store(Point(number, upload.vector, picture), None)
        return Added(number, picture.path, created=True)

    def _known(self, number: int) -> Known:
        return self._writer.fetch([number])[number]

    def _renew(self, known: Known, picture: Picture) -> None:
        """The same bytes, perhaps in a file that was written again, perhaps with something new said about them."""
        meta = picture.meta or known.picture.meta
        renewed = replace(known.picture, size_bytes=picture.size_bytes, mtime_ns=picture.mtime_ns, meta=meta)
        if renewed != known.picture:
            self._relabel(known, replace(known, picture=renewed))

    def _relabel(self, before: Known, known: Known) -> None:
        self._writer.update_pictures([known])
        self._holdings.put(known, before)

    def _store(self, point: Point, before: Known | None) -> None:
        self._writer.upsert([point])
        self._holdings.put(Known(point.id, point.picture), before)

    def follow(self, plan: Plan, known: Mapping[int, Known], made: Mapping[str, Encoded]) -> list[int]:
        """Bring the index after files that others changed; returns the ids that were removed.

        `known` has what was known of the pictures of the plan, by id, `made` what became of each file to embed. As in
        an index run, a picture whose file is none any more is removed.
        """
        for one in plan.relabel:
            self._relabel(known[one.id], one)
        gone = [*plan.remove]
        for item in plan.embed:
            done = made[item.ref.path]
            if done.picture is None or done.vector is None:
                gone += [] if item.id is None or done.is_unreachable else [item.id]
                continue
            number = self._holdings.new_id() if item.id is None else item.id
            picture = replace(done.picture, meta=item.meta)
            self._store(Point(number, done.vector, picture), None if item.id is None else known[item.id])
        self._drop([known[number] for number in gone])
        return gone

    def remove(self, image_id: int) -> None:
        """Remove a picture, its file first; raises `NotFound` or `FolderClosed`."""
        known = self._writer.fetch([image_id]).get(image_id)
        if known is None:
            raise NotFound(f"no image has id {image_id}")
        self._files.remove(known.picture.path)
        self._drop([known])

    def _drop(self, gone: Sequence[Known]) -> None:
        self._writer.delete([one.id for one in gone])
        self._holdings.drop(gone)

    def commit(self) -> Manifest:
        """Make all of it durable and visible."""
        self._holdings.regroup(self._writer)
        manifest = self._writer.commit(final=True)
        self._holdings.committed(manifest)
        return manifest
