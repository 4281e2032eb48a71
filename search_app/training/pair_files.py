"""Files of pictures with their texts: one pair a line, for every kind of training that takes pairs."""

from pathlib import Path

from search_app.errors import TrainingError


def read_pair_lines(path: Path) -> list[tuple[str, str]]:
    """Read lines of `path<TAB>text`, several for a picture where it has several texts; blank lines are passed over.

    Raises `TrainingError` naming the file, and the line where one is wrong.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} cannot be read: {error}") from error
    pairs = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        picture, _, text = (part.strip() for part in line.partition("\t"))
        if not (picture and text):
            raise TrainingError(f"{path}, line {number}: expected `path<TAB>text`, found {line[:80]!r}")
        pairs.append((picture, text))
    return pairs
