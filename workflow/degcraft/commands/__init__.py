"""The command `degcraft`: what users do beside running the workflow. Each module adds one subcommand."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from degcraft.errors import DegcraftError

COMMANDS = ("new", "restore", "vote", "status", "verify", "doctor")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; wrong input ends it with one plain message and exit code 1."""
    parser = argparse.ArgumentParser(prog="degcraft", description="Super-resolution that fits your own images.")
    parsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for name in COMMANDS:
        module = importlib.import_module(f"degcraft.commands.{name}")
        command = parsers.add_parser(
            name,
            help=module.HELP,
            description=module.__doc__,
            epilog=module.EXAMPLES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.options(command)
        command.set_defaults(run=module.run, usage=command)
    given, unknown = parser.parse_known_args(argv)
    if unknown:
        given.usage.error(f"not understood: {' '.join(unknown)}")  # with the subcommand's own usage
    try:
        code: int | None = given.run(given)
    except DegcraftError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; the same command continues", file=sys.stderr)
        return 130
    return code or 0
