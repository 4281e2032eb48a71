"""One self-contained HTML page about an evaluation: tables, plots and the pictures of best and worst queries.

No name of a picture, query or system ever becomes markup: everything goes through Jinja2 with autoescape on, the
drawings too. The page loads nothing, works from a file and needs no script.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from search_app.errors import EvaluationError
from search_app.evaluation.page.pictures import Album, Thumbnail
from search_app.evaluation.page.tables import plain_table
from search_app.evaluation.page.view import Section, overview, section_view
from search_app.evaluation.tables import TextTable

__all__ = ["MAX_PICTURE_BYTES", "PageHead", "Section", "write_page"]

MAX_PICTURE_BYTES = 6_000_000
"""Of all thumbnails together before base64, which adds a third."""
_TEMPLATES = Path(__file__).parent / "template"


@dataclass(frozen=True, slots=True)
class PageHead:
    """What stands above the sections."""

    title: str
    command: str = ""
    """The command line that made the page."""
    preface: TextTable | None = None


def write_page(
    path: Path,
    head: PageHead,
    sections: Sequence[Section],
    thumbnail: Thumbnail,
    *,
    max_picture_bytes: int = MAX_PICTURE_BYTES,
) -> None:
    """Write the page.

    Args:
        path: the file to write.
        head: what stands above the sections.
        sections: in the order of the page; each with one system or more.
        thumbnail: gives a small picture for a path, or None.
        max_picture_bytes: of all thumbnails together; what does not fit is shown by name, and the page says so.

    Raises `EvaluationError` where a section's systems were not measured on the same queries, or for no section.

    """
    if not sections or not all(section.reports for section in sections):
        raise EvaluationError("a page needs at least one section, and each of them at least one report")
    album = Album(thumbnail)
    views = []
    for number, section in enumerate(sections, start=1):
        album.allow(max_picture_bytes // len(sections))
        views.append(section_view(number, section, album))
    systems = list(dict.fromkeys(name for section in sections for name in section.reports))
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    html = environment.get_template("page.html.j2").render(
        title=head.title,
        views=views,
        systems=systems,
        album=album,
        command=head.command,
        overview=overview(views, systems),
        preface=head.preface,
        preface_table=head.preface and plain_table(head.preface),
    )
    # A name on the disk may hold bytes that are no UTF-8.
    path.write_text(html, encoding="utf-8", errors="backslashreplace", newline="\n")
