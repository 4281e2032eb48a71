"""Importing vectors that were made elsewhere, and those that `exporting` wrote."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from search_app.datatypes import Manifest, VectorQuery, WholePoint
from search_app.encoders.base import Encoder
from search_app.errors import MovingError
from search_app.index.base import IndexStore
from search_app.moving.contents import known_manifest
from search_app.moving.copying import copy_points
from search_app.moving.layouts import MANIFEST, Columns, Layout, count_rows, layout_of, read_blocks, tables_in
from search_app.moving.move import Steps, refuse_unless_free
from search_app.moving.recheck import Recheck
from search_app.moving.rows import Facts, Rules, Taken, look_at, points_of


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How rows are read."""

    folder: Path
    """Where the pictures lie, or would; absolute."""
    max_pixels: int
    columns: Columns
    normalise: bool = False
    looks: bool = True
    """Whether pictures whose files are here are looked at, so that an index run finds them unchanged."""
    checked: int = 16
    """Pictures that are embedded once more; 0: none."""
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    manifest: Manifest
    taken: Taken
    cosines: list[float]
    """Of the pictures that were embedded once more with the vectors that came; empty where no file was here."""


def import_rows(place: Path, encoder: Encoder, target: IndexStore, options: ImportOptions, steps: Steps) -> Imported:
    """Make a collection of vectors that, as somebody says, `encoder` made.

    Raises `MovingError` where no row is good, where an embedded picture has another vector, and where the target is
    there; nothing is shown to readers then. Goes on with what an interrupted import left.
    """
    layout, spec, taken = layout_of(place), encoder.spec, Taken()
    rebuild = refuse_unless_free(target, replace=options.replace)
    count = count_rows(place, layout)

    def look(file: Path) -> Facts:
        taken.seen += 1
        return look_at(file, spec.image_size, options.max_pixels)

    folder = options.folder.resolve()
    rules = Rules(
        folder, options.folder, spec.dim, options.columns.path, options.normalise, look if options.looks else None
    )
    recheck = Recheck(encoder, folder, options.max_pixels, options.checked, count // max(1, options.checked))
    points = recheck.watch(points_of(read_blocks(place, layout, options.columns), rules, taken))
    with target.writer(spec, str(folder), rebuild=rebuild) as writer:
        copied = copy_points(points, count, writer, steps("importing"))
        if not taken.good:
            raise MovingError(f"no row of {place} is good: {told(taken)}")
        for vector, answer in zip(copied.sample, writer.search([_exactly(one) for one in copied.sample]), strict=True):
            if not len(answer.scores) or answer.scores[0] < 1 - 1e-4:
                raise MovingError(f"a vector {vector[:3]}... that was stored does not find itself: run it again")
        return Imported(writer.commit(), taken, recheck.cosines)


def _exactly(vector: object) -> VectorQuery:
    return VectorQuery(vector, 1, exact=True)  # type: ignore[arg-type]


def told(taken: Taken) -> str:
    """The reasons why rows were left out, the most frequent first."""
    return "; ".join(f"{count} rows: {why} (first {taken.first_bad[why]})" for why, count in taken.bad.most_common())


@dataclass(frozen=True, slots=True)
class OwnExport:
    """A folder that `exporting` wrote as Parquet: everything is in it, so it is moved and not only read."""

    place: Path
    manifest: Manifest

    def points(self, after: int = 0) -> Iterator[WholePoint]:
        """Every point above id `after`, in id order."""
        from search_app.moving.parts import open_part, read_part, refuse_other_columns

        for file in tables_in(self.place):
            part = open_part(file, str(file))
            refuse_other_columns(part, self.manifest.dim, self.manifest.words_dim, str(file))
            yield from (point for point in read_part(part, str(file)) if point.id > after)


def own_export(place: Path, layout: Layout) -> OwnExport | None:
    """The folder as one of ours; None where it is of others."""
    file = place / MANIFEST
    if layout != "parquet" or not file.is_file():
        return None
    try:
        return OwnExport(place, known_manifest(json.loads(file.read_bytes())))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise MovingError(
            f"{file} is no manifest of this program ({error}): remove it to read the rows alone"
        ) from None
