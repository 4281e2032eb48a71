"""Fits the gate of lite: what tells a bare name from a sentence."""

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from search_app.training.lite.data import TokenFeatures
from search_app.training.lite.fit import LiteTraining
from search_app.training.lite.heads import Gate, mean_of_tokens

STEPS = 300


def fit_gate(names: TokenFeatures, captions: TokenFeatures, options: LiteTraining) -> Gate:
    """Train the gate to tell bare names from sentences: a logistic regression, both sides of equal weight."""
    torch.manual_seed(options.seed)
    random = np.random.default_rng(options.seed)
    some = random.choice(len(captions), min(len(captions), 2 * len(names)), replace=False)
    inputs, targets = [], []
    for features, rows, target in ((names, np.arange(len(names)), 1.0), (captions, some, 0.0)):
        for start in range(0, len(rows), 256):
            tokens, mask = features.batch(rows[start : start + 256])
            inputs.append(torch.cat([mean_of_tokens(tokens, mask), mask.sum(1, keepdim=True).log()], 1))
            targets.append(torch.full((len(tokens),), target))
    x, y = torch.cat(inputs), torch.cat(targets)
    gate = Gate(options.share_of_sentences, options.share_of_names)
    weight = torch.where(y == 1, float((y == 0).sum() / (y == 1).sum()), 1.0)
    optimizer = torch.optim.AdamW(gate.parameters(), lr=0.05, weight_decay=0.01)
    for _ in range(STEPS):
        loss = binary_cross_entropy_with_logits(gate.score(x)[:, 0], y, weight=weight)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return gate.eval()
