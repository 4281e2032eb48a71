"""The product that takes a convolution's place gives what the convolution gives, and takes no other's."""

import numpy as np
import pytest

from search_app.encoders.open_clip_package import open_clip, torch
from search_app.encoders.open_clip_patches import PatchProduct, multiply_patches
from tests.encoders.conftest import random_model


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("window", [(8, 8), (4, 8), (2, 1)])
@pytest.mark.parametrize("size", [(32, 32), (35, 39), (8, 8)])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_it_gives_what_the_convolution_gives(bias: bool, window: tuple[int, int], size: tuple[int, int], layout):
    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(3, 16, window, stride=window, bias=bias).requires_grad_(requires_grad=False)
    pictures = torch.randn(5, 3, *size).to(memory_format=layout)
    expected, got = convolution(pictures), PatchProduct(convolution)(pictures)
    assert got.shape == expected.shape
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "other",
    [
        {"stride": 4},
        {"padding": 1},
        {"dilation": 2},
        {"groups": 4},
        {"padding": "same", "stride": 1},
        {"kernel_size": 1, "stride": 1},
    ],
)
def test_no_other_convolution_is_replaced(other: dict[str, object]):
    tower = torch.nn.Sequential(torch.nn.Conv2d(4, 4, **{"kernel_size": 8, "stride": 8, **other}))
    multiply_patches(tower)
    assert isinstance(tower[0], torch.nn.Conv2d)


def test_a_tower_gives_the_same_vectors():
    model = random_model("tiny-clip")
    pictures = torch.randn(6, 3, 32, 32)
    with torch.inference_mode():
        expected = model.encode_image(pictures)
        names = set(model.state_dict())
        multiply_patches(model.visual)
        got = model.encode_image(pictures)
    assert isinstance(model.visual.conv1, PatchProduct)
    assert set(model.state_dict()) == names
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=0, atol=1e-5)


def test_towers_of_other_makers_are_changed_too():
    """Patches of timm have a bias."""
    tower = torch.nn.Sequential(open_clip.create_model("ViT-B-16-SigLIP").visual).eval()
    pictures = torch.randn(1, 3, 224, 224)
    with torch.inference_mode():
        expected = tower(pictures)
        multiply_patches(tower)
        got = tower(pictures)
    assert sum(isinstance(part, PatchProduct) for part in tower.modules()) == 1
    np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=0, atol=1e-4)
