"""Tables of text: aligned for a terminal, or as Markdown for the docs."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table whose cells are text; the first column is left-aligned, the others are as well."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def plain(self) -> str:
        """Aligned columns, with the title above and the note below."""
        lines = [self.head, *self.rows]
        widths = [max(len(line[column]) for line in lines) for column in range(len(self.head))]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        ]
        return "\n".join([self.title, "", *text, *([self.note] if self.note else [])])

    def markdown(self) -> str:
        """A heading, the table and the note."""
        lines = [self.head, ("---",) * len(self.head), *self.rows]
        text = ["| " + " | ".join(_escaped(cell) for cell in line) + " |" for line in lines]
        return "\n".join([f"### {self.title}", "", *text, *(["", self.note] if self.note else [])])


def join(tables: Sequence[TextTable], *, markdown: bool = False) -> str:
    """Several tables below each other."""
    return "\n\n".join(table.markdown() if markdown else table.plain() for table in tables)


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")
