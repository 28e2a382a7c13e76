"""The command ``edsym``: follow a result back to where it comes from, and check the files of a run."""

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from edsym.errors import EdsymError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 1 if files differ, 2 if the input is wrong."""
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except EdsymError as error:
        print(f"edsym: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # of a pager that was left
        sys.stderr.close()
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="edsym", description=__doc__)
    parser.add_argument("--version", action="version", version=f"edsym {version('edsym')}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("trace", help="print what a table, a figure or any file of a run was made from")
    one.add_argument("file", help="such as results/tables/table3.csv")
    one.add_argument("--parameters", action="store_true", help="show the parameters of every rule as well")
    one.set_defaults(run=_trace)
    two = commands.add_parser("verify", help="recompute all checksums of a run and say what differs")
    two.add_argument("results", help="folder of the run, such as results")
    two.set_defaults(run=_verify)
    return parser


def _trace(options: argparse.Namespace) -> int:
    from edsym.provenance.trace import trace

    print(trace(options.file, options.parameters), end="")
    return 0


def _verify(options: argparse.Namespace) -> int:
    from edsym.provenance.verify import verify

    checked, problems = verify(options.results)
    for problem in problems:
        print(problem)
    print(f"{checked} files checked, {len(problems)} problems")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
