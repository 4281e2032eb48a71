"""The transform must give the pixels open_clip's own gives, whatever the picture's shape."""

import resource
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from search_app.encoders.open_clip import Normalisation
from search_app.encoders.open_clip_package import open_clip, torch
from search_app.encoders.preprocess import MAX_RESIZED_TO_KEPT, ImageTransform

DATA = Path(__file__).parents[1] / "data"
CPU = torch.device("cpu")

configs = st.builds(
    open_clip.transform.PreprocessCfg,
    size=st.sampled_from([224, 32, (32, 32), (24, 40), (40, 24)]),
    mean=st.sampled_from([open_clip.OPENAI_DATASET_MEAN, (0.5, 0.5, 0.5), (0.0, 0.0, 0.0)]),
    std=st.sampled_from([open_clip.OPENAI_DATASET_STD, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)]),
    interpolation=st.sampled_from(["bicubic", "bilinear"]),
    resize_mode=st.sampled_from(["shortest", "longest", "squash"]),
    fill_color=st.sampled_from([0, 127]),
)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8))


def theirs(config: open_clip.transform.PreprocessCfg, picture: Image.Image) -> np.ndarray:
    return open_clip.transform.image_transform_v2(config, is_train=False)(picture).numpy()


def ours(transform: ImageTransform, picture: Image.Image) -> np.ndarray:
    return Normalisation(transform, CPU).of(transform.prepare(picture)[None])[0].numpy()


@settings(deadline=None, max_examples=100)
@given(config=configs, width=st.integers(1, 500), height=st.integers(1, 500))
def test_pixels_equal_those_of_open_clips_own_transform(config, width, height):
    transform = ImageTransform.from_config(asdict(config))
    shortest, longest = sorted((width, height))
    if longest > MAX_RESIZED_TO_KEPT / 2 * shortest:
        height = width  # the long ones have a test of their own
    picture = noise(width, height)
    # One grey level would be over 3e-3.
    np.testing.assert_allclose(ours(transform, picture), theirs(config, picture), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (224, 224), (225, 223), (640, 427), (1000, 17), (3000, 2000)])
def test_pixels_equal_open_clips_at_the_sizes_of_life(size):
    config = open_clip.transform.PreprocessCfg()
    got = ours(ImageTransform.from_config(asdict(config)), noise(*size))
    np.testing.assert_allclose(got, theirs(config, noise(*size)), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(3, 300), (2, 1999), (7, 3000), (3000, 7), (50, 6000), (30_000, 300)])
def test_very_long_pictures_are_within_two_grey_levels_of_open_clip(size):
    width, height = size
    smooth = noise(max(2, width // 20), max(2, height // 20)).resize(size, Image.Resampling.BICUBIC)
    config = open_clip.transform.PreprocessCfg(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
    got = ours(ImageTransform.from_config(asdict(config)), smooth)
    assert 255 * np.abs(got - theirs(config, smooth)).max() < 2.1


@pytest.mark.parametrize("resize_mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(1, 20_000), (20_000, 1)])
def test_a_line_of_pixels_takes_no_gigabytes(resize_mode, size):
    config = asdict(open_clip.transform.PreprocessCfg(resize_mode=resize_mode))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert ImageTransform.from_config(config).prepare(noise(*size)).shape == (224, 224, 3)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes


def test_pixels_equal_those_of_openais_own_package():
    config = asdict(open_clip.transform.PreprocessCfg())
    with Image.open(DATA / "franz-kafka.jpg") as photograph:
        got = ours(ImageTransform.from_config(config), photograph.convert("RGB"))
    np.testing.assert_allclose(got, np.load(DATA / "franz-kafka.npz")["preprocessed"], rtol=0, atol=1e-6)


def test_read_only_pixels_are_taken_and_left_alone():
    transform = ImageTransform.from_config(asdict(open_clip.transform.PreprocessCfg(size=32)))
    pixels = transform.prepare(noise(40, 30))[None]
    pixels.setflags(write=False)
    copy = pixels.copy()
    Normalisation(transform, CPU).of(pixels)
    assert (pixels == copy).all()
