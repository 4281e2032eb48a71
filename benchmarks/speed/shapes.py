"""Models of true shapes with random weights, for speed: what they find means nothing, what they take is the truth."""

import json
from pathlib import Path

from benchmarks.speed.plain_way import PlainWay
from search_app.encoders.open_clip_package import open_clip

TINY_SIDE = 32
TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": TINY_SIDE, "layers": 1, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
"""`tiny-clip`, for a quick run; one layer, as each takes seconds to export."""


def open_random(architecture: str, home: Path) -> tuple[PlainWay, str]:
    """The plain way with random weights, and the name under which the product opens the same; the file is in `home`."""
    if architecture not in open_clip.list_models():
        (home / "tiny-clip.json").write_text(json.dumps(TINY), encoding="utf-8")
        open_clip.add_model_config(home / "tiny-clip.json")
    plain = PlainWay.open(architecture)
    weights = home / f"{architecture}.pt"
    if not weights.exists():
        plain.save(weights)
    return plain, f"{architecture}/{weights}"
