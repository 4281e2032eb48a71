"""The text side of an open_clip model: tokens padded as open_clip pads them, or cut after end-of-text where exact."""

import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

from search_app.encoders.open_clip_package import open_clip, torch
from search_app.encoders.weights import hub_refusal
from search_app.errors import MissingDependency, WeightsUnavailable

Tokenizer = Callable[[list[str]], torch.Tensor]


def load_tokenizer(architecture: str) -> Tokenizer:
    """Load open_clip's own tokenizer of an architecture.

    Those of SigLIP and of the multilingual models come from the hub, through transformers. Raises
    `MissingDependency` and `WeightsUnavailable`.
    """
    tokenizer_name = open_clip.get_model_config(architecture)["text_cfg"].get("hf_tokenizer_name")
    if not tokenizer_name:
        return open_clip.get_tokenizer(architecture)  # type: ignore[no-any-return]
    if find_spec("transformers") is None:
        raise MissingDependency(
            f"{architecture} needs the tokenizer {tokenizer_name}, and that needs a package that is not installed: "
            "pip install transformers sentencepiece"
        )
    reason: object = None
    for only_here in (True, False):  # asking the hub about what is here would cost seconds, or minutes without a hub
        if not only_here and (reason := hub_refusal()):
            break
        try:
            return open_clip.get_tokenizer(architecture, local_files_only=only_here)  # type: ignore[no-any-return]
        except (OSError, ValueError) as error:  # transformers raises either when it lacks a file
            reason = f"the download failed ({error})"
    raise WeightsUnavailable(
        f"the tokenizer {tokenizer_name} of {architecture} is not on this machine, and {reason}: "
        "set HF_ENDPOINT to a mirror, or choose a model that brings its tokenizer, such as ViT-B-32/openai"
    )


class TextTower:
    """Sentences to features, at the full context length or, where that changes nothing, only as long as they are.

    In a causal tower that reads its answer at the end-of-text token, nothing behind that token is ever looked at:
    the batch is cut there, which is exact and several times faster. SigLIP's tower looks both ways, and CoCa's reads
    a token appended at the end: both run at full length.
    """

    def __init__(self, model: Any, tokenizer: Tokenizer) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._causal = _CausalTower.of(model)
        # Fast tokenizers of transformers fail when two threads use one ("Already borrowed").
        self._lock = threading.Lock()

    @property
    def is_cut(self) -> bool:
        """Whether sentences run at their own length."""
        return self._causal is not None

    def tokenize(self, texts: Sequence[str]) -> torch.Tensor:
        """Token ids, (n, context length), padded."""
        with self._lock:
            return self._tokenizer(list(texts))

    def features(self, tokens: torch.Tensor) -> torch.Tensor:
        """Features, (n, dim), not normalised; the same for padded tokens whether they are cut or not."""
        if self._causal is not None:
            return self._causal.features(tokens)
        return self._model.encode_text(tokens)  # type: ignore[no-any-return]

    def traceable_features(self, tokens: torch.Tensor) -> torch.Tensor:
        """The same at the length the tokens have: any where the tower `is_cut`, else the context length."""
        if self._causal is not None:
            return self._causal.of_length(tokens)
        return self._model.encode_text(tokens)  # type: ignore[no-any-return]


class _CausalTower:
    """open_clip's causal text tower on as many tokens as the longest sentence has.

    The same steps as `open_clip.CLIP.encode_text` and `TextTransformer.forward`, which add positions and mask at the
    full context length only.
    """

    def __init__(self, tower: Any, pool_type: str, end_id: int) -> None:
        self._tower = tower
        self._pool_type = pool_type
        self._end_id = end_id

    @classmethod
    def of(cls, model: Any) -> "_CausalTower | None":
        """The tower of a model, or None where cutting would change its answers."""
        in_model = isinstance(model, open_clip.CLIP)  # CLIP keeps the parts of its text tower as its own
        tower = model if in_model else getattr(model, "text", None)
        pool_type = getattr(tower, "text_pool_type" if in_model else "pool_type", "")
        looks_back_only = getattr(tower, "attn_mask", None) is not None and getattr(tower, "cls_emb", None) is None
        if not looks_back_only or pool_type not in {"argmax", "eos"}:
            return None
        return cls(tower, pool_type, getattr(tower, "text_eos_id" if in_model else "eos_id"))

    def features(self, tokens: torch.Tensor) -> torch.Tensor:
        """Features, (n, dim), not normalised."""
        return self.of_length(tokens[:, : int(self._ends(tokens).max()) + 1])

    def of_length(self, tokens: torch.Tensor) -> torch.Tensor:
        """Features of tokens that were cut already; decides by shapes alone, so that it can be traced."""
        tower, length = self._tower, tokens.shape[1]
        dtype = tower.transformer.get_cast_dtype()
        states = tower.token_embedding(tokens).to(dtype) + tower.positional_embedding[:length].to(dtype)
        states = tower.transformer(states, attn_mask=tower.attn_mask[:length, :length])
        rows = torch.arange(tokens.shape[0], device=tokens.device)  # not len(): a tracer takes that for a constant
        pooled = tower.ln_final(states[rows, self._ends(tokens)])
        projection = tower.text_projection
        if projection is None:
            return pooled  # type: ignore[no-any-return]
        return projection(pooled) if isinstance(projection, torch.nn.Linear) else pooled @ projection  # type: ignore[no-any-return]

    def _ends(self, tokens: torch.Tensor) -> torch.Tensor:
        """Where each sentence ends, (n,)."""
        return (tokens if self._pool_type == "argmax" else (tokens == self._end_id).int()).argmax(dim=-1)
