"""From open_clip's own tokenizer to a tokenizer.json that the library `tokenizers` reads."""

from typing import Any, cast, get_args

from search_app.encoders.clip_tokens import END, START, Cleaning
from search_app.encoders.open_clip_package import open_clip
from search_app.errors import EncoderError

_PIECES = rf"(?i:{START}|{END}|'s|'t|'re|'ve|'m|'ll|'d)|[\p{{L}}]+|[\p{{N}}]|[^\s\p{{L}}\p{{N}}]+"


def cleaning_of(tokenizer: Any, architecture: str) -> Cleaning:
    """What a tokenizer does to a text first.

    Raises `EncoderError` for a tokenizer from the hub (SigLIP, multilingual models): those need transformers.
    """
    simple = open_clip.tokenizer.SimpleTokenizer
    if not isinstance(tokenizer, simple) or tokenizer.reduction_fn is not None:
        raise EncoderError(
            f"{architecture} has a tokenizer of its own: only models with CLIP's tokenizer can be exported"
        )
    for name in get_args(Cleaning):
        if tokenizer.clean_fn is open_clip.tokenizer.get_clean_fn(name):
            return cast("Cleaning", name)
    raise EncoderError(f"{architecture} cleans texts in a way that is not known here")


def tokenizer_json(tokenizer: Any) -> bytes:
    """CLIP's vocabulary and merges; cleaning and the marks around a sentence are left to `ClipTokenizer`."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    merges = sorted(tokenizer.bpe_ranks, key=tokenizer.bpe_ranks.__getitem__)
    model = models.BPE(vocab=tokenizer.encoder, merges=merges, end_of_word_suffix="</w>", fuse_unk=False)
    made = Tokenizer(model)
    pieces = pre_tokenizers.Split(Regex(_PIECES), behavior="removed", invert=True)
    bytes_of = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.pre_tokenizer = pre_tokenizers.Sequence([pieces, bytes_of])
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([START, END])
    content: str = made.to_str()
    return content.encode()
