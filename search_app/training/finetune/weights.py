"""Which weights a fine-tuning changes, in which groups the optimizer takes them, and the way back to the original."""

import re
from collections.abc import Mapping
from typing import Any

from search_app.encoders.open_clip_package import torch
from search_app.errors import TrainingError

Tensor = torch.Tensor
Weights = Mapping[str, Tensor]

# open_clip's own `lock_image_tower` and `lock_text_tower` count differently from tower to tower (a projection is a
# group, the last block is one with its norm), know no part of a ResNet, and leave norms no choice.
BLOCKS = re.compile(
    r"(visual\.(?:trunk\.)?(?:blocks|stages|transformer\.resblocks|layer)"
    r"|(?:text\.)?transformer\.(?:resblocks|encoder\.layer))\.?(\d+)\."
)
"""The repeated part of each kind of tower, and a block's number in it."""
TOWER = re.compile(r"(?:visual\.trunk|visual|text)\.")
PROJECTIONS = frozenset({"proj", "text_projection", "head", "attn_pool", "attnpool"})
"""What leads from a tower's width to the common space; SigLIP and ResNets pool by attention in place of a matrix."""
BEHIND_BLOCKS = PROJECTIONS | {"ln_post", "ln_final", "norm", "fc_norm", "final_conv", "pooler"}
OF_THE_LOSS = frozenset({"logit_scale", "logit_bias"})
"""Learnt in every mode: they scale similarities while training, and no vector depends on them."""
NORMS = (
    torch.nn.LayerNorm,
    torch.nn.GroupNorm,
    torch.nn.RMSNorm,
    torch.nn.BatchNorm1d,
    torch.nn.BatchNorm2d,
    torch.nn.BatchNorm3d,
)


def choose_weights(module: Any, mode: str) -> dict[str, torch.nn.Parameter]:
    """Make the weights of a mode learnable and all others not; by name.

    `all`; `last:N`: the last N blocks of each tower and what lies behind them; `heads`: projections and norms. Raises
    `TrainingError` where the model has no N blocks, or none that are known.
    """
    names = set(dict(module.named_parameters()))
    if mode == "heads":
        chosen = _norms(module) | {name for name in names if _first(name) in PROJECTIONS}
    else:
        chosen = names if mode == "all" else _last(names, int(mode.removeprefix("last:")))
    learnt = {}
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(requires_grad=name in chosen or name in OF_THE_LOSS)
        if parameter.requires_grad:
            learnt[name] = parameter
    return learnt


def _first(name: str) -> str:
    """The part of a tower that a weight belongs to."""
    return TOWER.sub("", name, count=1).partition(".")[0]


def _norms(module: Any) -> set[str]:
    return {
        f"{place}.{name}" if place else name
        for place, part in module.named_modules()
        if isinstance(part, NORMS)
        for name, _ in part.named_parameters(recurse=False)
    }


def _last(names: set[str], count: int) -> set[str]:
    numbers = {name: (found[1], int(found[2])) for name in names if (found := BLOCKS.match(name))}
    highest: dict[str, int] = {}
    for tower, number in numbers.values():
        highest[tower] = max(number, highest.get(tower, 0))
    if len({tower.startswith("visual") for tower in highest}) < 2:
        raise TrainingError("--train last:N: the blocks of this architecture are not known; choose all or heads")
    if count > max(highest.values()) + 1:
        raise TrainingError(
            f"--train last:{count}: the towers have {max(highest.values()) + 1} blocks at most; choose fewer, or all"
        )
    last = {name for name, (tower, number) in numbers.items() if number > highest[tower] - count}
    return last | {name for name in names - set(numbers) if _first(name) in BEHIND_BLOCKS}


def make_optimizer(learnt: Mapping[str, torch.nn.Parameter], rate: float, decay: float) -> torch.optim.AdamW:
    """AdamW with CLIP's settings for transformers (Radford et al. 2021, table 20).

    Gains, biases and the loss's own scale do not decay.
    """
    kinds = ([each for each in learnt.values() if each.ndim >= 2], [each for each in learnt.values() if each.ndim < 2])
    groups = [{"params": kind, "weight_decay": share} for kind, share in zip(kinds, (decay, 0.0), strict=True) if kind]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), eps=1e-6)


def snapshot(learnt: Mapping[str, torch.nn.Parameter]) -> dict[str, Tensor]:
    """The weights as they are now, on the CPU."""
    return {name: parameter.detach().to("cpu", copy=True) for name, parameter in learnt.items()}


def put_back(learnt: Mapping[str, torch.nn.Parameter], weights: Weights) -> None:
    """Set weights to those of a snapshot."""
    with torch.no_grad():
        for name, parameter in learnt.items():
            parameter.copy_(weights[name])


def interpolate(original: Weights, tuned: Weights, share: float) -> dict[str, Tensor]:
    """The whole model between two: 0 gives the original, 1 the tuned one, exactly.

    WiSE-FT (Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022): on the way back from weights tuned on
    a narrow collection much of what they had unlearnt returns before what they had learnt is lost. `tuned` may hold
    only what differs.
    """
    mixed = {}
    for name, before in original.items():
        after = tuned.get(name, before)
        is_mixed = 0 < share < 1 and before.is_floating_point()
        mixed[name] = torch.lerp(before, after, share) if is_mixed else (after if share else before)
    return mixed
