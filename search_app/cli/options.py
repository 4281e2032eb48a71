"""Options that several commands share, and the settings they override."""

import argparse
import shlex
import sys
from typing import TypeAlias

from search_app.settings import Settings, load_settings
from search_app.wiring_index import with_model_of_alias

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001
"""What `add_subparsers` gives; argparse has no public name for it."""


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add --model, --device and --collection; each wins over its variable."""
    parser.add_argument("--model", help="encoder: ARCH/TAG or ARCH/checkpoint of open_clip, or lite (SEARCH_MODEL)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], help="where the encoder runs (SEARCH_DEVICE)")
    parser.add_argument("--collection", help="collection to use (SEARCH_COLLECTION)")


def settings_from(arguments: argparse.Namespace) -> Settings:
    """Settings with what was given on the command line laid over them."""
    return load_settings(model=arguments.model, device=arguments.device, collection=arguments.collection)


def asking_settings(arguments: argparse.Namespace) -> Settings:
    """The same; of an alias with the model that made what it stands for, unless --model names one."""
    settings = settings_from(arguments)
    return settings if arguments.model else with_model_of_alias(settings)


def command_line() -> str:
    """What was typed, to be shown on pages and cards and typed again."""
    return shlex.join(["python", "-m", "search_app", *sys.argv[1:]])
