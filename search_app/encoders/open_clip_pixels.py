"""From prepared pictures to what an image tower of open_clip takes; serving and training both go through here."""

from search_app.datatypes import PixelBatch
from search_app.encoders.open_clip_package import torch
from search_app.encoders.preprocess import ImageTransform


def normalise(pixels: PixelBatch, transform: ImageTransform, device: torch.device) -> torch.Tensor:
    """Turn prepared pictures, uint8 (n, height, width, 3), into float32 (n, 3, height, width) on a device.

    Bytes travel to the device, a quarter of what floats would be. The result lies in memory as the pictures do, which
    is what torch calls channels-last.
    """
    # A copy: torch takes no read-only arrays. From pinned memory it travels while the device still computes.
    batch = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=device.type == "cuda")
    batch.numpy()[...] = pixels
    return scale(batch.to(device, non_blocking=True), transform)


def scale(pixels: torch.Tensor, transform: ImageTransform) -> torch.Tensor:
    """What `normalise` does to bytes that are a tensor already."""
    mean, std = (
        torch.tensor(value, device=pixels.device).reshape(3, 1, 1) for value in (transform.mean, transform.std)
    )
    return (pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std
