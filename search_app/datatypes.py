"""Frozen values that cross rooms; arrays are numpy, similarities are higher-is-better everywhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatVector: TypeAlias = NDArray[np.float32]
"""Shape (dim,), unit length."""
FloatMatrix: TypeAlias = NDArray[np.float32]
"""Shape (n, dim), rows of unit length."""
DenseChannel: TypeAlias = Literal["image", "meaning"]
"""The picture itself, or its printed words by what they mean."""
Channel: TypeAlias = Literal["image", "meaning", "form"]
"""What is searched: a dense channel, or the printed words by how they are written (sparse, BM25)."""
PixelArray: TypeAlias = NDArray[np.uint8]
"""Shape (height, width, 3), RGB: one picture as an encoder's `prepare` made it."""
PixelBatch: TypeAlias = NDArray[np.uint8]
"""Shape (n, height, width, 3), RGB."""
MetaValue: TypeAlias = str | int | float | bool | tuple[str, ...]
"""What a metadata file says in one field about one picture."""
FacetValue: TypeAlias = str | int
"""What pictures are counted by."""

COLLECTION_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""What a collection can be called."""
COLOURS = ("black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
"""The eleven basic colour terms (B. Berlin and P. Kay, "Basic Color Terms", 1969)."""


@dataclass(frozen=True, slots=True)
class ImageRef:
    """A file that may be a picture, as the scan saw it."""

    path: str
    """Relative to the indexed folder or source, POSIX separators; in a list of addresses the address itself."""
    size_bytes: int
    """`UNKNOWN_SIZE` where nobody can tell before it is read."""
    mtime_ns: int
    """0 where the source does not know."""
    version: str = ""
    """What the source says changes with the content, such as an ETag; empty: size and time alone tell."""


UNKNOWN_SIZE = -1


@dataclass(frozen=True, slots=True)
class Picture:
    """What the index keeps about one picture beside its vector: the payload."""

    path: str
    """Relative to the indexed folder, POSIX separators."""
    content_hash: str
    """BLAKE2b-128 of the file's bytes, hexadecimal."""
    size_bytes: int
    mtime_ns: int
    width: int
    """Pixels, after the EXIF turn."""
    height: int
    format: str
    """Pillow's name of the format the content has: JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF."""
    phash: str = ""
    """Four hashes of what it shows, as `images.fingerprints.picture_hashes` gives them: 64 hexadecimal digits.

    Empty while nobody has looked: the index is an old one.
    """
    colours: tuple[str, ...] = ()
    """Names of the dominant colours, out of `COLOURS`, most area first."""
    taken: str = ""
    """When the camera says it was taken, ISO 8601, with an offset where the camera knew one; empty: not known."""
    copy_of: int = 0
    """Id of the first picture of its group of copies; 0 where it has none."""
    meta: Mapping[str, MetaValue] = field(default_factory=dict, hash=False)
    """What a metadata file says about it, by the name of the field."""
    version: str = ""
    """As `ImageRef` has it."""

    @property
    def ref(self) -> ImageRef:
        """The file as the scan saw it."""
        return ImageRef(self.path, self.size_bytes, self.mtime_ns, self.version)


@dataclass(frozen=True, slots=True)
class Word:
    """One piece of text that was read in a picture: a line or a word, as the reader found it."""

    text: str
    box: tuple[float, float, float, float] | None
    """Left, top, right, bottom as shares of the picture's width and height, after the EXIF turn; None: not known."""
    confidence: float
    """Of the reader, 0 to 1; 1 for a sidecar file."""


@dataclass(frozen=True, slots=True)
class PrintedWords:
    """The words of one picture, in reading order."""

    words: tuple[Word, ...]
    source: str
    """What read them: the reader's name, or `sidecar`."""

    @property
    def text(self) -> str:
        """All of it, one line a word."""
        return "\n".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True, eq=False)
class SparseVector:
    """A vector of which only some coordinates are not zero."""

    indices: NDArray[np.uint32]
    """Shape (n,), no two alike."""
    values: NDArray[np.float32]
    """Shape (n,), finite."""


@dataclass(frozen=True, slots=True)
class WordsSpec:
    """What reads words and makes their vectors; stored with the index so that two kinds are never mixed."""

    fingerprint: str
    """Changes whenever words or vectors would."""
    dim: int
    """Of the vectors by meaning."""


@dataclass(frozen=True, slots=True)
class WordsPoint:
    """The words of one picture in the index and the vectors they are searched by."""

    id: int
    words: PrintedWords
    meaning: FloatVector | None
    """None where there are no words."""
    form: SparseVector
    """Term weights of a document in BM25, without IDF, which the engine knows; empty where there are no words."""


@dataclass(frozen=True, slots=True)
class Point:
    """One picture in the index."""

    id: int
    vector: FloatVector
    picture: Picture


@dataclass(frozen=True, slots=True)
class WholePoint:
    """Everything the index holds of one picture."""

    id: int
    vector: FloatVector
    picture: Picture
    words: WordsPoint | None
    """None while nobody has read its words; without any there are words, but no vectors."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the index already holds about one picture: id and payload, without vectors and words."""

    id: int
    picture: Picture
    words_by: str = ""
    """Fingerprint of what read its words; empty while nobody has."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One test on the payload of a picture; fields, and what each takes, are listed in `index.fields`.

    Where several of `any_of` and the bounds are given, all of them must hold.
    """

    field: str
    any_of: tuple[str | float | bool, ...] = ()
    """One of these values; empty: any."""
    gte: str | float | None = None
    """Bounds of numbers, or of dates in ISO 8601: `2024-05` stands for the whole month, `2024` for the whole year."""
    gt: str | float | None = None
    lte: str | float | None = None
    lt: str | float | None = None
    excluded: bool = False
    """True turns the whole test round: pictures that do not pass it, also those that lack the field."""


@dataclass(frozen=True, slots=True)
class VectorQuery:
    """One nearest-neighbour question to one channel of an index."""

    vector: FloatVector | SparseVector
    """Sparse for the channel `form`, with a weight for each term of the query; dense for the others."""
    limit: int
    offset: int = 0
    min_score: float | None = None
    exact: bool = False
    """True bypasses the approximate graph."""
    channel: Channel = "image"
    among: tuple[int, ...] | None = None
    """Only these ids are compared; None means all."""
    where: tuple[Condition, ...] = ()
    """Only pictures are compared that pass all of these."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The answer to a `VectorQuery`: best first, ties by smaller id."""

    ids: NDArray[np.int64]
    """Shape (k,)."""
    scores: NDArray[np.float32]
    """Shape (k,), cosine similarities; in the channel `form` BM25 scores, above 0."""


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """What an encoder is; stored with every index so that vectors of two models are never mixed."""

    name: str
    """As `SEARCH_MODEL` spells it, such as `ViT-B-32/openai` or `lite`."""
    dim: int
    fingerprint: str
    """Changes whenever the vectors would: a hash over weights, preprocessing and tokenizer."""
    image_size: tuple[int, int]
    """(height, width) of the pixels the image tower takes."""
    device: str = "cpu"
    precision: str = "fp32"
    batch_size: int = 32
    """Images a batch at which this encoder works well on this device."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What made a collection: kept beside the vectors, checked whenever the collection is opened."""

    collection: str
    model: str
    fingerprint: str
    dim: int
    folder: str
    """Absolute path or address of what was indexed: a folder, an object store, a list, shards; see `sources`."""
    next_id: int = 1
    """High-water mark: ids below it were given once and are never given again."""
    count: int = 0
    """Points at the last commit; compared when the collection is opened."""
    generation: int = 0
    """Grows by one with every commit; answers of one generation are repeatable."""
    distance: str = "cosine"
    schema_version: int = 1
    words_fingerprint: str = ""
    """Of the `WordsSpec` whose words the collection holds; empty where it holds none."""
    words_dim: int = 0
    made_with: str = ""
    """What of `SEARCH_PROFILE` the collection was made with, as JSON; empty for the default."""
    committed_at: float = 0.0
    """When the last commit was made, in Unix seconds; 0 where an older version made it."""
