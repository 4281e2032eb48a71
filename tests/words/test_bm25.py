"""BM25 against its formula, and the sparse vectors of an engine against BM25."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_app.words.bm25 import AVERAGE_LENGTH, K1, B, Bm25, sparse_document, sparse_query, term_id
from search_app.words.tokens import tokenize

WORDS = st.sampled_from(["car", "red", "lips", "Kiss", "kiss", "50", "caf\u00e9", "don't", "...", ""])
TEXTS = st.lists(WORDS, max_size=12).map(" ".join)


def written_out(documents, query, average):
    """The textbook's sum, term by term."""
    terms = [tokenize(text) for text in documents]
    filled = sum(bool(each) for each in terms)
    scores = []
    for each in terms:
        score = 0.0
        for term, repeats in Counter(tokenize(query)).items():
            frequency = sum(term in other for other in terms)
            idf = math.log((filled - frequency + 0.5) / (frequency + 0.5) + 1)
            count = each.count(term)
            length = K1 * (1 - B + B * len(each) / average)
            score += repeats * idf * count * (K1 + 1) / (count + length)
        scores.append(score)
    return scores


@given(st.lists(TEXTS, max_size=6), TEXTS)
def test_scores_are_those_of_the_formula(documents, query):
    lengths = [len(tokenize(text)) for text in documents if tokenize(text)]
    average = sum(lengths) / len(lengths) if lengths else 1.0
    assert Bm25(documents).scores(query) == pytest.approx(written_out(documents, query, average))


@given(st.lists(TEXTS, max_size=6), TEXTS)
def test_an_engine_with_idf_gives_the_same_scores(documents, query):
    vectors = [dict(zip(v.indices.tolist(), v.values.tolist(), strict=True)) for v in map(sparse_document, documents)]
    asked = sparse_query(query)
    filled = sum(bool(vector) for vector in vectors)
    scores = np.zeros(len(documents))
    for term, weight in zip(asked.indices.tolist(), asked.values.tolist(), strict=True):
        frequency = sum(term in vector for vector in vectors)
        idf = math.log((filled - frequency + 0.5) / (frequency + 0.5) + 1)
        scores += [idf * weight * vector.get(term, 0.0) for vector in vectors]
    assert scores == pytest.approx(Bm25(documents, average_length=AVERAGE_LENGTH).scores(query), rel=1e-5)


@given(TEXTS)
def test_sparse_vectors_are_what_engines_take(text):
    for vector in (sparse_document(text), sparse_query(text)):
        assert vector.indices.dtype == np.uint32
        assert vector.values.dtype == np.float32
        assert len(set(vector.indices.tolist())) == len(vector.indices) == len(vector.values)
        assert (vector.values > 0).all()


def test_terms_keep_their_coordinates():
    # Stored in every index: another number here would make all of them wrong.
    assert [term_id(term) for term in ("audi", "7", "cafe")] == [2602866731, 2378752788, 122918626]


def test_rare_terms_and_short_documents_count_more():
    scores = Bm25(["audi car", "car car", "car and many other words here", ""]).scores("audi car")
    assert scores[0] > scores[1] > scores[2] > scores[3] == 0
