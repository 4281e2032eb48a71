"""What a plan must know of a model: how long its vectors are and how fast it embeds."""

from dataclasses import dataclass

from search_app.encoders.catalogue import KNOWN_MODELS
from search_app.errors import UnknownModel
from search_app.planning.figures import BY_WORK, CORE_RATES, GPU_RATES, Rate

DIMENSIONS = {
    "lite": 384,
    "ViT-B-32": 512,
    "ViT-B-32-256": 512,
    "ViT-B-16": 512,
    "ViT-B-16-SigLIP": 768,
    "ViT-B-16-SigLIP-512": 768,
    "ViT-B-32-SigLIP2-256": 768,
    "ViT-B-16-SigLIP2": 768,
    "ViT-L-14": 768,
    "ViT-SO400M-14-SigLIP-384": 1152,
    "ViT-H-14-378-quickgelu": 1024,
    "MobileCLIP-S1": 512,
    "MobileCLIP-S2": 512,
    "MobileCLIP-B": 512,
    "MobileCLIP2-S0": 512,
    "MobileCLIP2-S2": 512,
    "MobileCLIP2-B": 512,
    "MobileCLIP2-S3": 768,
    "MobileCLIP2-S4": 768,
    "MobileCLIP2-L-14": 768,
}
"""Of the vectors of each architecture, as its configuration in open_clip says."""


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """A model as a plan sees it; a rate is None where nothing is known."""

    name: str
    dim: int
    on_gpu: Rate | None
    on_core: Rate | None


def planned_model(name: str, dim: int | None = None) -> PlannedModel:
    """Look a model up; raises `UnknownModel` where the length of its vectors is neither known nor given."""
    architecture = name.split("/", maxsplit=1)[0]
    length = dim or DIMENSIONS.get(architecture)
    if length is None:
        known = ", ".join(DIMENSIONS)
        raise UnknownModel(f"--model {name}: the length of its vectors is not known: give --dim; known are {known}")
    return PlannedModel(name, length, _rate(architecture, GPU_RATES), _rate(architecture, CORE_RATES))


def _rate(architecture: str, known: dict[str, Rate]) -> Rate | None:
    if architecture in known:
        return known[architecture]
    work, base = _gflop(architecture), _gflop("ViT-B-32")
    if work is None or base is None:
        return None
    usual = known["ViT-B-32"]
    return Rate(usual.a_second * base / work, usual.of, BY_WORK)


def _gflop(architecture: str) -> float | None:
    return next((one.image_gflop for one in KNOWN_MODELS if one.name.startswith(f"{architecture}/")), None)
