"""What fine-tuning learns from: pictures with their sentences, and which of them are held out."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from search_app.errors import TrainingError
from search_app.training.lite.data import Photograph, read_photographs
from search_app.training.pair_files import read_pair_lines

LEAST_TRAIN = 2
"""One pair has nothing it could be told from."""
LEAST_DEV = 20
"""Among ten pictures or fewer R@10 is 1 whatever a model does; among few more it says little."""


@dataclass(frozen=True, slots=True)
class HoldOut:
    """Which pictures are kept from training where the data does not say it."""

    share: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise TrainingError(f"--dev-share {self.share}: it is above 0 and below 1")


@dataclass(frozen=True, slots=True)
class PairCollection:
    """Pictures with their sentences; no picture is on both sides."""

    train: tuple[Photograph, ...]
    dev: tuple[Photograph, ...]
    """Held out: the early stop listens to them, and the figures are theirs."""
    origin: str
    """What it was read from, for the model's card."""

    def require_enough(self) -> None:
        """Raise `TrainingError` where there is too little to learn from or to measure on."""
        if len(self.train) < LEAST_TRAIN or len(self.dev) < LEAST_DEV:
            raise TrainingError(
                f"{self.origin}: {len(self.train)} usable pictures to learn from and {len(self.dev)} held out; "
                f"{LEAST_TRAIN} and {LEAST_DEV} are needed at least: add pictures, or hold out another --dev-share"
            )


def read_captions(path: Path, how: HoldOut) -> PairCollection:
    """Read `{"NAME": {"split": "train" or "dev", "captions": [...]}}`; other splits are left alone.

    Where no picture is of the split `dev`, some of `train` are held out. Raises `TrainingError` naming the file.
    """
    train = read_photographs(path, "train")
    splits = {entry["split"] for entry in json.loads(path.read_text(encoding="utf-8")).values()}
    if "dev" not in splits:
        return hold_out(train, how, path.name)
    return PairCollection(tuple(train), tuple(read_photographs(path, "dev")), path.name)


def read_pairs(path: Path, how: HoldOut) -> PairCollection:
    """Read lines of `path<TAB>text`, several for a picture where it has several sentences.

    Raises `TrainingError` naming the file, and the line where one is wrong.
    """
    return hold_out(collect(read_pair_lines(path)), how, path.name)


def pairs_of_labels(
    topics: Mapping[str, str], grades: Mapping[str, Mapping[str, int]], how: HoldOut, origin: str
) -> PairCollection:
    """Take each query as a sentence about every picture that was judged relevant to it.

    `topics` gives each query id its text, `grades` gives it path -> grade. What was judged irrelevant is not learnt
    from. Raises `TrainingError` where a judged query has no text.
    """
    if nameless := sorted(set(grades) - set(topics)):
        raise TrainingError(f"{origin}: query {nameless[0]} is judged but has no text among the topics")
    pairs = [(path, topics[qid]) for qid, given in grades.items() for path, grade in given.items() if grade > 0]
    return hold_out(collect(pairs), how, origin)


def collect(pairs: Iterable[tuple[str, str]]) -> list[Photograph]:
    """Pictures in the order of their names, each with its different sentences in the order in which they came."""
    texts: dict[str, dict[str, None]] = {}
    for file, text in pairs:
        texts.setdefault(file, {})[text] = None
    return [Photograph(file, tuple(found)) for file, found in sorted(texts.items())]


def hold_out(photographs: Sequence[Photograph], how: HoldOut, origin: str) -> PairCollection:
    """Hold out a share of the pictures: the same for the same pictures and seed."""
    count = max(1, round(how.share * len(photographs)))
    chosen = set(np.random.default_rng(how.seed).permutation(len(photographs))[:count].tolist())
    train = tuple(each for row, each in enumerate(photographs) if row not in chosen)
    return PairCollection(train, tuple(photographs[row] for row in sorted(chosen)), origin)
