"""The sentence encoder says what belongs together, whatever else is in the batch."""

import numpy as np
import pytest

from search_app.encoders.lite_manifest import MODEL_FOLDER
from search_app.encoders.lite_runtime import open_session
from search_app.encoders.lite_text import KEPT_TEXTS, find_minilm, open_tower
from search_app.encoders.minilm import MiniLmSentences
from search_app.errors import EncoderError


@pytest.fixture(scope="module")
def sentences() -> MiniLmSentences:
    return MiniLmSentences()


def test_a_paraphrase_is_nearer_than_another_subject(sentences: MiniLmSentences) -> None:
    texts = ["half price on all winter coats", "winter jackets at 50 % off", "a bank you can trust with your savings"]
    sale, paraphrase, bank = sentences.encode_sentences(texts)
    assert sale @ paraphrase > sale @ bank + 0.3


def test_a_sentence_has_its_vector_in_any_company(sentences: MiniLmSentences) -> None:
    texts = ["tea", "a much longer sentence about the tea that somebody drank " * 8, "", "Öl auf Leinwand"] * 12
    together = sentences.encode_sentences(texts)
    assert together.shape == (len(texts), sentences.dim)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    alone = np.concatenate([sentences.encode_sentences([text]) for text in texts[:4]])
    np.testing.assert_allclose(together[:4], alone, atol=1e-5)
    assert sentences.encode_sentences([]).shape == (0, sentences.dim)


def test_the_network_says_what_the_package_says_in_float32() -> None:
    words = ["tea", "a red car on a wet road", "", "Öl auf Leinwand", "half price on all winter coats, today only"]
    texts = [*words, " and ".join(words * 9)]  # the last one is cut at 128 tokens
    tower = open_tower((MODEL_FOLDER / "tokenizer.json").read_bytes())
    package = open_session(find_minilm().read_bytes(), 1)
    for text in texts:
        ours, mask = tower.encode([text])
        ids = np.array([tower.tokenizer.encode(text).ids])
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (theirs,) = package.run(["last_hidden_state"], inputs)
        assert mask.all()
        one, other = ours[0].mean(axis=0), theirs[0].mean(axis=0)
        # The one that reads nothing is the worst: it has two tokens, and no word among them.
        assert one @ other / np.linalg.norm(one) / np.linalg.norm(other) > (0.9994 if text else 0.998)


def test_queries_that_are_under_way_together_go_through_the_network_once_each() -> None:
    tower = open_tower((MODEL_FOLDER / "tokenizer.json").read_bytes())
    under_way = [tower.encode([f"query {number}"]) for number in range(KEPT_TEXTS)]
    assert all(tower.encode([f"query {number}"]) is tokens for number, tokens in enumerate(under_way))
    tower.encode(["one more"])
    assert tower.encode(["query 0"]) is not under_way[0]


def test_a_closed_encoder_says_so() -> None:
    encoder = MiniLmSentences()
    fingerprint = encoder.fingerprint
    assert len(fingerprint) == 32
    encoder.close()
    with pytest.raises(EncoderError, match="closed"):
        encoder.encode_sentences(["tea"])
