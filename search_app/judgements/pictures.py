"""Where the pictures that people judged are in an index now: by content, whatever they are called."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from search_app.datatypes import Known
from search_app.judgements.values import PictureName


@dataclass(frozen=True, slots=True)
class IndexedPictures:
    """All pictures of one generation."""

    by_content: Mapping[str, Sequence[Known]]
    by_path: Mapping[str, PictureName]

    @classmethod
    def of(cls, every: Iterable[Known]) -> Self:
        """Look at every picture once."""
        by_content: dict[str, list[Known]] = {}
        by_path: dict[str, PictureName] = {}
        for known in every:
            by_content.setdefault(known.picture.content_hash, []).append(known)
            by_path[known.picture.path] = PictureName(known.picture.content_hash, known.picture.path)
        return cls(by_content, by_path)

    def find(self, picture: PictureName) -> Known | None:
        """The picture: at its old path where it still is, else its first copy; None where it is gone."""
        copies = self.by_content.get(picture.content_hash, ())
        return min(copies, key=lambda known: (known.picture.path != picture.path, known.id), default=None)

    def locate(self, picture: PictureName) -> list[str]:
        """Every path of this content; the old one where it is gone, unless another picture took that path."""
        copies = [known.picture.path for known in self.by_content.get(picture.content_hash, ())]
        return copies or ([] if picture.path in self.by_path else [picture.path])
