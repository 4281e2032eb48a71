"""The one place where torch and open_clip are imported; the other open_clip_* modules take them from here."""

import importlib

from search_app.errors import MissingDependency

try:
    import torch
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise MissingDependency(
        "open_clip models need PyTorch, which is not installed: pip install -r requirements.txt, "
        "or set SEARCH_MODEL=lite, which works without"
    ) from None

# open_clip imports torchvision for its transforms. Where torch is the CPU build and torchvision the CUDA build (which
# is what PyPI gives), torchvision's compiled operators do not load and the import fails while it describes two of
# them, "operator torchvision::nms does not exist". Declaring the two is enough: nothing here ever calls them.
UNLOADED_OPERATORS = ("nms", "qnms")
# Operators vanish with the library object that declared them.
_declared: list[torch.library.Library] = []


def import_torchvision() -> None:
    """Import torchvision, also beside a torch it was not built for."""
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for operator in UNLOADED_OPERATORS:
            schema = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            library.define(schema)  # type: ignore[no-untyped-call]
        _declared.append(library)
        importlib.import_module("torchvision")


try:
    import_torchvision()
    import open_clip
except ModuleNotFoundError as error:
    if error.name not in {"open_clip", "torchvision"}:
        raise
    raise MissingDependency(f"{error.name} is not installed: pip install -r requirements.txt") from None

__all__ = ["open_clip", "torch"]
