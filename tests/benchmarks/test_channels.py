"""What the trials of fusion and relevance are asked over."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.channels import indexed, read_channels


def test_a_folder_is_indexed_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its words, which take long: their channels are silent then, and the pictures' is not."""
    for name in ("SEARCH_MODEL", "SEARCH_INDEX_DIR"):
        monkeypatch.setenv(name, "")  # both are set by what is tested: given back afterwards
    monkeypatch.setenv("SEARCH_WORDS", "off")
    (tmp_path / "pictures").mkdir()
    for number, colour in enumerate(("red", "green", "blue")):
        Image.new("RGB", (80, 80), colour).save(tmp_path / "pictures" / f"{number}.png")
    with indexed(tmp_path / "pictures", tmp_path / "index") as service:
        channels = read_channels(service, ["something red", "a car"])
    assert list(channels.paths) == ["0.png", "1.png", "2.png"]
    assert channels.rows == {"something red": 0, "a car": 1}
    assert np.isfinite(channels.standing["image"]).all()
    assert np.isnan(channels.standing["meaning"]).all()
    assert not channels.form.any()
