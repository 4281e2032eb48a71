"""Make a small index for the tests of later versions: `python -m tests.chaos.old_indexes.make NAME`.

Run once for every release, with that release, and commit what it writes: an archive of pictures, their words in files
beside them, the collection, judgements, and what a reader of this version answered.
"""

import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from search_app.datatypes import VectorQuery
from search_app.encoders.stub import COLOURS, StubEncoder
from search_app.index.edge.store import EdgeStore
from search_app.judgements.store import JudgementStore
from tests.judgements.made import judgement

HERE = Path(__file__).parent
TEXTS = ["red", "blue and white", "green"]
PICTURES = 7
_WRITTEN_NS = 1_700_000_000 * 10**9
"""Whole seconds, which archives keep: pictures that look changed would be embedded again."""


def make(home: Path) -> None:
    """Index, change, index again: a generation that has one before it, a gap in its ids and a renamed picture."""
    (home / "pictures" / "sub").mkdir(parents=True)
    for number, name in enumerate(sorted(COLOURS)[: PICTURES - 1]):
        paint(home / "pictures" / f"{name}.png", number)
    run_index(home)
    (home / "pictures" / "black.png").unlink()
    (home / "pictures" / "blue.png").rename(home / "pictures" / "sub" / "renamed.png")
    (home / "pictures" / "blue.txt").rename(home / "pictures" / "sub" / "renamed.txt")
    paint(home / "pictures" / "added.png", 90)
    run_index(home)
    judgements = JudgementStore(home / "storage", str)
    judgements.add([judgement("one"), judgement("two", grade=0)])
    judgements.close()
    answers = look(home / "storage")
    (home / "answers.json").write_text(json.dumps(answers, indent=1, sort_keys=True))


def paint(path: Path, number: int) -> None:
    chance = random.Random(number)
    quarters = np.array([chance.choice([*COLOURS.values()]) for _ in range(4)], np.uint8).reshape(2, 2, 3)
    Image.fromarray(np.kron(quarters, np.ones((12, 12, 1), np.uint8))).save(path)
    path.with_suffix(".txt").write_text(f"{path.stem} is printed here\n")
    for file in (path, path.with_suffix(".txt")):
        os.utime(file, ns=(_WRITTEN_NS + number * 10**9,) * 2)


def run_index(home: Path) -> None:
    """The command, words too."""
    settings = {"SEARCH_MODEL": "stub", "SEARCH_INDEX_DIR": str(home / "storage"), "SEARCH_WORDS": "on"}
    settings["PYTHONPATH"] = str(HERE.parents[2])
    command = [sys.executable, "-m", "search_app", "index", str(home / "pictures")]
    subprocess.run(command, cwd=home, env={**os.environ, **settings}, check=True)


def look(storage: Path) -> dict[str, object]:
    """What a reader answers, as JSON has it."""
    reader = EdgeStore(storage, "images").reader()
    try:
        known = [*reader.scan()]
        asked = [VectorQuery(row, len(known), exact=True) for row in StubEncoder().encode_texts(TEXTS)]
        return {
            "next_id": reader.manifest().next_id,
            "paths": {str(one.id): one.picture.path for one in known},
            "words": {str(number): words.text for number, words in reader.words([one.id for one in known]).items()},
            "scores": [
                {str(number): round(float(score), 5) for number, score in zip(found.ids, found.scores, strict=True)}
                for found in reader.search(asked)
            ],
        }
    finally:
        reader.close()


def main() -> int:
    """Write NAME.tar.xz beside this file."""
    archive = HERE / f"{sys.argv[1]}.tar.xz"
    with tempfile.TemporaryDirectory(prefix="search_app-") as home:
        make(Path(home))
        with tarfile.open(archive, "w:xz", preset=9) as tar:
            for entry in sorted(Path(home).iterdir()):
                tar.add(entry, entry.name, filter=_anonymous)
    print(f"{archive}: {archive.stat().st_size} bytes")  # noqa: T201
    return 0


def _anonymous(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    sys.exit(main())
