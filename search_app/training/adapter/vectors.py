"""The stored vectors of a collection: what a head is fitted on instead of pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from search_app.datatypes import EncoderSpec, FloatMatrix
from search_app.errors import IndexDamaged
from search_app.index.base import IndexReader
from search_app.index.manifest import check_model

AT_ONCE = 1000


@dataclass(frozen=True, slots=True, eq=False)
class StoredVectors:
    """Every picture of a collection, in the order of their ids."""

    rows: Mapping[str, int]
    """Path to row."""
    vectors: FloatMatrix
    """(pictures, dim)."""

    @classmethod
    def read(cls, reader: IndexReader, spec: EncoderSpec) -> Self:
        """Read them all; raises `ModelMismatch` where `spec` did not make them."""
        check_model(reader.manifest(), spec)
        every = list(reader.scan())
        vectors = np.empty((len(every), spec.dim), np.float32)
        for start in range(0, len(every), AT_ONCE):
            part = every[start : start + AT_ONCE]
            found = reader.vectors([item.id for item in part])
            for row, item in enumerate(part, start):
                if item.id not in found:
                    raise IndexDamaged(f"{item.picture.path} has no vector in the collection: index the folder again")
                vectors[row] = found[item.id]
        return cls({item.picture.path: row for row, item in enumerate(every)}, vectors)
