"""Models worth knowing among the many open_clip can load, as data: published figures, none measured here."""

from dataclasses import dataclass

_OPEN_CLIP = "open_clip docs/*.csv, commit 89fb801"
_SIGLIP2 = "google-research/big_vision README_siglip2.md, commit 1659d42"
_MOBILECLIP = "apple/ml-mobileclip results, commit 4144bb1"
_MIT = "MIT"
_APACHE = "Apache-2.0"
_APPLE_SAMPLE = "Apple sample code licence"
_APPLE_RESEARCH = "Apple model licence (apple-amlr), research only"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """What has been published about one model; None where nothing was found."""

    name: str
    """As `SEARCH_MODEL` spells it."""
    repository: str
    """Of the weights, at the Hugging Face hub."""
    parameters: int
    """Millions, both towers."""
    image_gflop: float | None
    """Work for one picture, 10^9 operations."""
    text_gflop: float | None
    """Work for one sentence at full length."""
    flickr_recall: float | None
    """Flickr30k, text to image, recall at 1."""
    coco_recall: float
    """COCO, text to image, recall at 1."""
    imagenet: float
    """ImageNet-1k zero-shot, top-1 accuracy."""
    source: str
    """Where the figures were published."""
    licence: str | None = None
    """Of the weights, as their publisher states it; None means: read the model card first."""


Published = tuple[float, float, float]
"""Flickr30k and COCO recall at 1, ImageNet top-1."""


def _open_clip(
    name: str,
    repository: str,
    parameters: int,
    gflop: tuple[float, float],
    figures: Published,
    licence: str | None = None,
) -> KnownModel:
    return KnownModel(name, repository, parameters, *gflop, *figures, _OPEN_CLIP, licence)


def _mobile_clip(
    name: str, repository: str, parameters: int, figures: Published, licence: str | None = None
) -> KnownModel:
    return KnownModel(name, repository, parameters, None, None, *figures, _MOBILECLIP, licence)


def _siglip2(name: str, parameters: int, coco_recall: float, imagenet: float) -> KnownModel:
    architecture = name.split("/", 1)[0]
    return KnownModel(
        name, f"timm/{architecture}", parameters, None, None, None, coco_recall, imagenet, _SIGLIP2, _APACHE
    )


# fmt: off
KNOWN_MODELS = (
    _open_clip("ViT-B-32/openai", "timm/vit_base_patch32_clip_224.openai",
        151, (8.8, 6.0), (0.588, 0.304, 0.633), _MIT),
    _open_clip("ViT-B-32/laion2b_s34b_b79k", "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
        151, (8.8, 6.0), (0.668, 0.393, 0.666), _MIT),
    _open_clip("ViT-B-32/datacomp_xl_s13b_b90k", "laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
        151, (8.8, 6.0), (0.611, 0.371, 0.692)),
    _open_clip("ViT-B-32-256/datacomp_s34b_b86k", "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K",
        151, (11.5, 6.0), (0.649, 0.399, 0.728)),
    _open_clip("ViT-B-16/openai", "timm/vit_base_patch16_clip_224.openai",
        150, (35, 6.0), (0.622, 0.331, 0.683), _MIT),
    _open_clip("ViT-B-16/dfn2b", "apple/DFN2B-CLIP-ViT-B-16",
        150, (35, 6.0), (0.691, 0.434, 0.762)),
    _open_clip("ViT-B-16-SigLIP/webli", "timm/ViT-B-16-SigLIP",
        203, (35, 11), (0.747, 0.478, 0.760), _APACHE),
    _open_clip("ViT-B-16-SigLIP-512/webli", "timm/ViT-B-16-SigLIP-512",
        204, (216, 11), (0.791, 0.506, 0.791)),
    _siglip2("ViT-B-32-SigLIP2-256/webli", 377, 0.472, 0.740),
    _siglip2("ViT-B-16-SigLIP2/webli", 375, 0.521, 0.782),
    _open_clip("ViT-L-14/openai", "timm/vit_large_patch14_clip_224.openai",
        428, (162, 13), (0.650, 0.365, 0.755), _MIT),
    _open_clip("ViT-L-14/datacomp_xl_s13b_b90k", "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
        428, (162, 13), (0.734, 0.457, 0.792)),
    _open_clip("ViT-SO400M-14-SigLIP-384/webli", "timm/ViT-SO400M-14-SigLIP-384",
        878, (670, 53), (0.830, 0.542, 0.831), _APACHE),
    _open_clip("ViT-H-14-378-quickgelu/dfn5b", "apple/DFN5B-CLIP-ViT-H-14-378",
        987, (1007, 47), (0.820, 0.556, 0.844), _APPLE_SAMPLE),
    _mobile_clip("MobileCLIP-S1/datacompdr", "apple/MobileCLIP-S1-OpenCLIP",
        85, (0.710, 0.440, 0.726)),
    _mobile_clip("MobileCLIP-S2/datacompdr", "apple/MobileCLIP-S2-OpenCLIP",
        99, (0.734, 0.454, 0.744), _APPLE_RESEARCH),
    _mobile_clip("MobileCLIP-B/datacompdr", "apple/MobileCLIP-B-OpenCLIP",
        150, (0.773, 0.506, 0.768)),
    _mobile_clip("MobileCLIP-B/datacompdr_lt", "apple/MobileCLIP-B-LT-OpenCLIP",
        150, (0.769, 0.500, 0.772)),
    _mobile_clip("MobileCLIP2-S0/dfndr2b", "timm/MobileCLIP2-S0-OpenCLIP",
        54, (0.692, 0.437, 0.715)),
    _mobile_clip("MobileCLIP2-S2/dfndr2b", "timm/MobileCLIP2-S2-OpenCLIP",
        99, (0.748, 0.488, 0.772)),
    _mobile_clip("MobileCLIP2-B/dfndr2b", "timm/MobileCLIP2-B-OpenCLIP",
        150, (0.765, 0.499, 0.794)),
    _mobile_clip("MobileCLIP2-S3/dfndr2b", "timm/MobileCLIP2-S3-OpenCLIP",
        249, (0.773, 0.509, 0.807)),
    _mobile_clip("MobileCLIP2-S4/dfndr2b", "timm/MobileCLIP2-S4-OpenCLIP",
        445, (0.780, 0.515, 0.819)),
    _mobile_clip("MobileCLIP2-L-14/dfndr2b", "timm/MobileCLIP2-L-14-OpenCLIP",
        428, (0.777, 0.516, 0.819)),
)
# fmt: on
