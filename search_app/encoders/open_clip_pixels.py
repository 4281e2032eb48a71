"""From prepared pictures to what an image tower of open_clip takes; serving and training both go through here."""

from search_app.datatypes import PixelBatch
from search_app.encoders.open_clip_package import torch
from search_app.encoders.preprocess import ImageTransform


class Normalisation:
    """How a model was trained to see levels of red, green and blue, on one device."""

    def __init__(self, transform: ImageTransform, device: torch.device) -> None:
        # Laid out once: to bring a number to a GPU waits for all that the GPU still has to do.
        self._mean, self._std = (
            torch.tensor(value, device=device).reshape(3, 1, 1) for value in (transform.mean, transform.std)
        )
        self._device = device

    def of(self, pixels: PixelBatch) -> torch.Tensor:
        """Turn prepared pictures, uint8 (n, height, width, 3), into float32 (n, 3, height, width) on the device.

        Bytes travel to the device, a quarter of what floats would be. The result lies in memory as the pictures do,
        which is what torch calls channels-last.
        """
        # A copy: torch takes no read-only arrays. From pinned memory it travels while the device still computes.
        batch = torch.empty(pixels.shape, dtype=torch.uint8, pin_memory=self._device.type == "cuda")
        batch.numpy()[...] = pixels
        return self.of_tensor(batch.to(self._device, non_blocking=True))

    def of_tensor(self, pixels: torch.Tensor) -> torch.Tensor:
        """What `of` does to bytes that are a tensor on the device already."""
        return (pixels.permute(0, 3, 1, 2).float() / 255 - self._mean) / self._std
