"""The two towers of an open_clip model as ONNX graphs: bytes or token ids in, unit vectors out."""

import logging
import warnings
from pathlib import Path
from typing import Any

from search_app.encoders.open_clip_package import torch
from search_app.encoders.open_clip_pixels import Normalisation
from search_app.encoders.open_clip_text import TextTower
from search_app.encoders.preprocess import ImageTransform
from search_app.errors import EncoderError

OPSET = 20
"""The first with GELU as one operator."""


class ImageGraph(torch.nn.Module):
    """Prepared pictures, uint8 (n, height, width, 3), to unit vectors; normalising is part of the graph."""

    def __init__(self, model: Any, transform: ImageTransform) -> None:
        super().__init__()
        self._model = model
        self._normalisation = Normalisation(transform, torch.device("cpu"))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Vectors, (n, dim)."""
        return _unit(self._model.encode_image(self._normalisation.of_tensor(pixels)))


class TextGraph(torch.nn.Module):
    """Token ids (n, length) to unit vectors; of the tower's own length where it is not cut."""

    def __init__(self, model: Any, tower: TextTower) -> None:
        super().__init__()
        self._model = model  # a part of this module, so that its weights are found
        self._tower = tower

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Vectors, (n, dim)."""
        return _unit(self._tower.traceable_features(tokens))


def write_image_graph(graph: ImageGraph, size: tuple[int, int], path: Path) -> None:
    """Write the image tower; raises `EncoderError` for an architecture that cannot be exported."""
    example = torch.randint(0, 256, (2, *size, 3), dtype=torch.uint8)
    _write(graph, "pixels", example, {0: torch.export.Dim("n", min=1)}, path)


def write_text_graph(graph: TextGraph, tokens: torch.Tensor, path: Path, *, is_cut: bool) -> None:
    """Write the text tower. `tokens` (n, context length) are an example; `is_cut` leaves the length open."""
    context_length = tokens.shape[1]
    dynamic = {0: torch.export.Dim("n", min=1)}
    if is_cut:
        # An example of full length would let the tracer take the length for that of the positions.
        tokens = torch.cat([tokens[:, : context_length // 2], tokens.amax(dim=1, keepdim=True)], dim=1)
        dynamic[1] = torch.export.Dim("length", min=2, max=context_length)
    _write(graph, "tokens", tokens, dynamic, path)


def _unit(features: torch.Tensor) -> torch.Tensor:
    unit: torch.Tensor = features / features.norm(dim=-1, keepdim=True)
    return unit


def _write(graph: torch.nn.Module, name: str, example: torch.Tensor, dynamic: dict[int, Any], path: Path) -> None:
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    try:
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter warns of its own parts
            logger.setLevel(logging.ERROR)
            program: Any = torch.onnx.export(
                graph.eval(),
                (example,),
                input_names=[name],
                output_names=["vector"],
                dynamic_shapes=(dynamic,),
                opset_version=OPSET,
                dynamo=True,
                verbose=False,
            )
            for node in program.model.graph:  # where in whose files each was traced
                node.metadata_props.clear()
            # Weights beside the graph: a protobuf ends at 2 GB, and the runtime maps them where they lie.
            program.save(path, external_data=True)
    except torch.onnx.errors.OnnxExporterError as error:
        raise EncoderError(
            f"this architecture cannot be exported, its {path.stem} fails: {str(error)[:300]}"
        ) from error
    finally:
        logger.setLevel(level)
