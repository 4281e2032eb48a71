"""The contrastive losses, and their gradient over a batch that is larger than memory holds at once."""

import math
from collections.abc import Callable, Sequence
from typing import Any

from search_app.encoders.open_clip_package import open_clip, torch

Tensor = torch.Tensor
Loss = Callable[[Tensor, Tensor], Tensor]
"""From unit rows of pictures and texts, (n, dim) each, row i belonging to row i, to a number."""

HIGHEST_SCALE = math.log(100)
"""Of the scale's logarithm, as open_clip holds it, after CLIP (Radford et al. 2021, section 2.5)."""


def loss_of(module: Any) -> Loss:
    """The loss a model was made with and its own scale: sigmoid for one with a bias (SigLIP), else symmetric InfoNCE.

    Both are open_clip's.
    """
    if module.logit_bias is not None:
        sigmoid = open_clip.loss.SigLipLoss()
        return lambda images, texts: sigmoid(images, texts, module.logit_scale.exp(), module.logit_bias)
    contrast = open_clip.loss.ClipLoss()
    return lambda images, texts: contrast(images, texts, module.logit_scale.exp())


def hold_scale(module: Any, start: float) -> None:
    """Keep the scale where CLIP keeps it, or where it was at the start: SigLIP's is above that."""
    with torch.no_grad():
        module.logit_scale.clamp_(0, max(HIGHEST_SCALE, start))


def backward(
    encode: Callable[[slice], Sequence[Tensor]], loss: Loss, size: int, micro: int, device: torch.device
) -> float:
    """Add the gradient of the loss over a whole batch of `size` pairs to the weights; gives the loss.

    `encode` gives the vectors of a part of the batch. More than `micro` pairs are encoded in parts, twice: first
    without a graph, for every vector and the loss's gradient in each; then again, to bring those gradients to the
    weights. That takes the memory of one part, and every pair of the batch is a negative of every other, where adding
    up the losses of the parts would know each part's own negatives only (GradCache: Gao et al., Scaling Deep
    Contrastive Learning Batch Size under Memory Limited Setup, RepL4NLP 2021).
    """
    if size <= micro:
        value = loss(*encode(slice(0, size)))
        value.backward()  # type: ignore[no-untyped-call]
        return float(value.detach())
    parts = [slice(start, min(start + micro, size)) for start in range(0, size, micro)]
    states, found = [], []
    with torch.no_grad():
        for part in parts:
            states.append(random_state(device))
            found.append(encode(part))
    leaves = [torch.cat(column).requires_grad_() for column in zip(*found, strict=True)]
    value = loss(*leaves)
    value.backward()  # type: ignore[no-untyped-call]
    for part, state in zip(parts, states, strict=True):
        # Dropout has to drop the same again; the last part leaves the generators where the first pass left them.
        set_random_state(state, device)
        for features, leaf in zip(encode(part), leaves, strict=True):
            if features.requires_grad and leaf.grad is not None:
                features.backward(leaf.grad[part])  # type: ignore[no-untyped-call]
    return float(value.detach())


def random_state(device: torch.device) -> list[Tensor]:
    """Where torch's generators stand that a model on this device draws from."""
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def set_random_state(states: Sequence[Tensor], device: torch.device) -> None:
    """Set them to where they stood."""
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)
