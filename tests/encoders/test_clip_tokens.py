"""The tokenizer of exported models must give open_clip's own token ids."""

import random

import numpy as np
import pytest

from search_app.encoders.clip_tokens import ClipTokenizer
from search_app.encoders.open_clip_package import open_clip
from search_app.errors import EncoderError
from search_app.training.export.tokens import cleaning_of, tokenizer_json

TEXTS = [
    "",
    "   ",
    "a red car",
    "A red CAR, isn't it? they've WON'T I'd 'S",
    "café naïve 2024 #1!  100,000.50",
    "\u201ccurly\u201d quotes \u2019n\u2019 dashes — … ﬁne ligatures",
    "mojibake: cafÃ© &amp;amp; &lt;b&gt;",
    "寿司 и борщ 🍣🍜 👩‍👩‍👧 ñ",
    "tabs\tand\nlines\r\nand\u00a0spaces\u2003of\u3000all\u200bkinds",
    "a\u0000b \u0007 \ud83d lone",
    "snake_case under_score __dunder__ a--b...c!?!",
    "<end_of_text> and <START_OF_TEXT> in the middle",
    "ⅷ ½ ² ٣ 一 Ⅻ",
    "many words " * 100,
]


@pytest.fixture(scope="module")
def content() -> bytes:
    return tokenizer_json(open_clip.get_tokenizer("ViT-B-32"))


@pytest.mark.parametrize("cleaning", ["lower", "whitespace", "canonicalize"])
def test_ids_are_those_of_open_clip(content: bytes, cleaning: str) -> None:
    theirs = open_clip.tokenizer.SimpleTokenizer(clean=cleaning)
    ours = ClipTokenizer(content, 77, cleaning)
    for text in TEXTS:
        np.testing.assert_array_equal(ours.encode([text]), theirs([text]).numpy(), err_msg=repr(text))


def test_ids_of_any_characters_are_those_of_open_clip(content: bytes) -> None:
    theirs, ours = open_clip.get_tokenizer("ViT-B-32"), ClipTokenizer(content, 77, "lower")
    drawn = random.Random(0)
    ranges = [(32, 127), (160, 591), (880, 1279), (1424, 1791), (12352, 12543), (19968, 20223), (127744, 128591)]

    def draw() -> str:
        return "".join(chr(drawn.randint(*drawn.choice(ranges))) for _ in range(drawn.randint(1, 40)))

    texts = [draw() for _ in range(600)]
    np.testing.assert_array_equal(ours.encode(texts), theirs(texts).numpy())


def test_lengths_end_with_the_first_end_of_text(content: bytes) -> None:
    tokenizer = ClipTokenizer(content, 77, "lower")
    ids = tokenizer.encode(["", "two words", "a <end_of_text> b", "word " * 90])
    assert tokenizer.lengths(ids).tolist() == [2, 4, 3, 77]


def test_another_kind_of_tokenizer_is_refused() -> None:
    with pytest.raises(EncoderError, match="SomeArch has a tokenizer of its own"):
        cleaning_of(lambda texts: texts, "SomeArch")
    with pytest.raises(EncoderError, match="SomeArch has a tokenizer of its own"):
        cleaning_of(open_clip.tokenizer.SimpleTokenizer(reduction_mask="random"), "SomeArch")
