"""README.md of an exported model: what it is, how close it is to its source, under which licence."""

from dataclasses import asdict
from datetime import UTC, datetime

from search_app.encoders.catalogue import KNOWN_MODELS
from search_app.encoders.onnx_manifest import PARITY, OnnxManifest
from search_app.encoders.weights import EXPORTED
from search_app.training.export.parity import LONG, PICTURES, SHORT, Parity

_INT8 = """\
The weights of its matrices are int8 (seven bits of them: on processors without VNNI eight would overflow), activations
are rounded as they come, by the range of a whole batch: a picture's vector depends a little on its neighbours in the
batch. What that does to retrieval has to be measured with labels of your own (`python -m search_app evaluate`); it was
not measured here. Index and search have to use this very export."""
_FP32 = "Its vectors may be searched with those of the model it was made from: both have the same fingerprint."


def licence_of(source: str) -> str:
    """Of the weights, as far as it is known here."""
    known = next((model for model in KNOWN_MODELS if model.name == source), None)
    return known.licence if known and known.licence else "not known here: read their publisher's card"


def card_text(manifest: OnnxManifest, parity: Parity, command: str) -> str:
    """The card."""
    figures = [f"| {name.replace('_', ' ')} | {value:.7f} |" for name, value in asdict(parity).items()]
    lines = [
        f"# {manifest.source} for ONNX Runtime",
        "",
        f"Both towers in {manifest.precision}, for the CPU, without torch.",
        f"Serve it with `SEARCH_MODEL={EXPORTED}path/to/this/folder`.",
        "",
        _INT8 if manifest.precision == "int8" else _FP32,
        "",
        f"- Fingerprint: {manifest.fingerprint}; {manifest.dim} dimensions, {manifest.transform.size} pixels",
        f"- Sentences: {'any length' if manifest.is_cut else 'padded'} up to {manifest.context_length} tokens",
        f"- Licence of the weights: {licence_of(manifest.source)}; the graph stays under it",
        "- Licence of architecture and vocabulary (open_clip, CLIP): MIT",
        f"- Command: `{command}`",
        f"- Made: {datetime.now(UTC).isoformat(timespec='seconds')}",
        "",
        "## Parity",
        "",
        f"Cosines to what torch gives in fp32, of {PICTURES} made-up pictures, {len(SHORT)} short sentences and",
        f"{len(LONG)} of full length. Below {PARITY[manifest.precision]} the export would have been refused.",
        "",
        "| | |",
        "|---|---|",
        *figures,
    ]
    return "\n".join(lines) + "\n"
