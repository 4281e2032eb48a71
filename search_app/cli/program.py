"""`python -m search_app`: one parser, one module a command, one place where errors become sentences."""

import argparse
import errno
import sys
from collections.abc import Sequence
from importlib import import_module

from search_app import __version__
from search_app.cli.plain import plain
from search_app.errors import SearchAppError
from search_app.starting import uncollected

COMMANDS = (
    "index",
    "search",
    "serve",
    "keys",
    "mcp",
    "info",
    "alias",
    "collections",
    "duplicates",
    "evaluate",
    "compare",
    "labels",
    "judgements",
    "models",
    "plan",
    "doctor",
    "train",
    "export",
    "migrate",
    "snapshot",
    "restore",
    "vectors",
)
"""Each is described and run by the module of its name; in the order of the help."""
WRONG_USE = 2
INTERRUPTED = 130


def build_parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for a command line; each command sets `run`, a function of what was parsed that gives the status.

    It knows the command that is named, and all of them where none is: to import all takes half a second.
    """
    parser = argparse.ArgumentParser(
        prog="python -m search_app",
        description="Self-hosted text-to-image search: index a folder of pictures, ask for them in words.",
    )
    parser.add_argument("--version", action="version", version=f"search_app {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in argv[:1] if argv and argv[0] in COMMANDS else COMMANDS:
        import_module(f"search_app.cli.{name}").add_parser(commands)
    return parser


def start(argv: Sequence[str]) -> int:
    """Run one command in the process that was started for it; gives what `main` gives."""
    with uncollected():
        parser = build_parser(argv)
    return _run(parser.parse_args(argv))


def main(argv: Sequence[str]) -> int:
    """Run one command; gives the exit status: 0 done, 1 done with complaints, 2 wrong use or nothing could be done."""
    return _run(build_parser(argv).parse_args(argv))


def _run(arguments: argparse.Namespace) -> int:
    try:
        status: int = arguments.run(arguments)
    except SearchAppError as error:
        print(plain(f"error: {error}", keep="\n"), file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        print("interrupted; what was reported as done is kept, run the same command again to go on", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output left (`| head`): not an error, and nothing more can be said to it.
        sys.stderr.close()
        return 0
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        text = f"error: {error.filename or 'the output'} cannot be written ({error.strerror}): free some space and run "
        print(plain(f"{text}the same command again; what was reported as done is kept"), file=sys.stderr)
        return WRONG_USE
    return status
