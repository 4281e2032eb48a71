"""`export`: an open_clip model as ONNX files that need no torch."""

import argparse
from pathlib import Path
from typing import Literal

from search_app.cli.options import Subparsers, command_line
from search_app.encoders.weights import EXPORTED
from search_app.settings import load_settings
from search_app.wiring import open_encoder


def add_parser(commands: Subparsers) -> None:
    """Describe the command."""
    parser = commands.add_parser(
        "export",
        help="an open_clip model as ONNX files that need no torch",
        description="Write both towers of an open_clip model as ONNX files, and compare their vectors with torch's: "
        "where they differ, nothing is written.",
    )
    parser.add_argument("model", metavar="MODEL", help="ARCH/TAG of open_clip, or ARCH/path/to/checkpoint")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="folder to make")
    parser.add_argument(
        "--int8",
        action="store_true",
        help="int8 weights: faster and a quarter of the size, but other vectors; measure your retrieval with it",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Export, and print how close the vectors are."""
    from search_app.training.export.run import export_model

    precision: Literal["fp32", "int8"] = "int8" if arguments.int8 else "fp32"
    settings = load_settings(device="cpu")
    parity = export_model(
        arguments.model,
        arguments.to,
        precision,
        command_line(),
        lambda name: open_encoder(settings.model_copy(update={"model": name})),
    )
    print(f"{arguments.to} holds {arguments.model}; least and mean cosine to torch in fp32:")
    print(f"  pictures        {parity.image_least:.6f}  {parity.image_mean:.6f}")
    print(f"  short sentences {parity.short_text_least:.6f}  {parity.short_text_mean:.6f}")
    print(f"  long sentences  {parity.long_text_least:.6f}  {parity.long_text_mean:.6f}")
    print(f"  of each sentence's five best pictures both find {parity.same_top:.1%}")
    if arguments.int8:
        print("int8 has a fingerprint of its own; what it does to your retrieval was not measured: see its README.md")
    print(f"serve it: SEARCH_MODEL={EXPORTED}{arguments.to}")
    return 0
