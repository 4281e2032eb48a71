"""all-MiniLM-L6-v2 as a sentence encoder: the mean of its token vectors (Reimers and Gurevych, EMNLP 2019).

It reads the words printed in pictures and the queries that are compared with them; the same network is the text half
of `lite`, so nothing more has to be installed or downloaded.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from search_app.datatypes import FloatMatrix
from search_app.encoders.lite_manifest import MODEL_FOLDER, read_manifest
from search_app.encoders.lite_runtime import read_verified
from search_app.encoders.lite_text import MAX_TOKENS, MINILM_SHA256, TEXTS_AT_ONCE, TOKEN_DIM, TokenTower, open_tower
from search_app.errors import EncoderError

_POOLING = "mean-1"


class MiniLmSentences:
    """Sentences on ONNX Runtime; what goes beyond 128 word pieces is not read."""

    dim = TOKEN_DIM

    def __init__(self) -> None:
        """Verify and load the network; raises what `LiteEncoder` raises."""
        _, sums = read_manifest(MODEL_FOLDER)
        tokenizer = sums["tokenizer.json"]
        self._tower: TokenTower | None = open_tower(read_verified(MODEL_FOLDER / "tokenizer.json", tokenizer))
        parts = f"{MINILM_SHA256} {tokenizer} {MAX_TOKENS} {_POOLING}"
        self.fingerprint = hashlib.sha256(parts.encode()).hexdigest()[:32]

    def encode_sentences(self, texts: Sequence[str]) -> FloatMatrix:
        """Encode texts to float32 (n, 384) of unit rows."""
        if self._tower is None:
            raise EncoderError("minilm: this encoder was closed; open another one")
        parts = [np.zeros((0, TOKEN_DIM), np.float32)]
        for start in range(0, len(texts), TEXTS_AT_ONCE):
            tokens, mask = self._tower.encode(texts[start : start + TEXTS_AT_ONCE])
            means = (tokens * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
            parts.append(means / np.linalg.norm(means, axis=1, keepdims=True))
        return np.concatenate(parts).astype(np.float32)

    def close(self) -> None:
        """Give the network back; the encoder cannot be used afterwards."""
        self._tower = None
