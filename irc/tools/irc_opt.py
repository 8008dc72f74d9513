"""``irc-opt``: reads a net or IR, runs passes, prints what comes out, at any level.

Without ``-p`` it parses, verifies and prints. ``--dump-after=P`` without ``-p`` runs the default training pipeline up
to the last P and prints the module after each P. Exit status: 0, 1 on a diagnostic, 2 on misuse.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TextIO

from irc.backend.target import TARGETS, Target, find_target
from irc.checking import CheckPass
from irc.emit.forms import FORMS, emit
from irc.files import write_atomically
from irc.frontends.sources import load_module, read_source
from irc.initial import checked_seed
from irc.instruments import Dump, Reproducer, Statistics, Timing
from irc.ir.diagnostics import Diagnostics, Error
from irc.ir.locations import Source
from irc.ir.verifier import verify
from irc.passes.pipelines import TRAINING
from irc.passmanager import Pass, PassContext, PassManager, parse_pipeline, pass_names
from irc.text.printer import print_module
from irc.tools.command_line import CommandParser, Misuse, add_source_arguments, run_command, run_console, source_options
from irc.tools.verify_diagnostics import compare_with_expected


def _parser() -> CommandParser:
    parser = CommandParser(prog="irc-opt", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "file",
        nargs="?",
        default="-",
        help="a net (.nel, .nal, .nam, .mdl, .network, .json) or IR text (.mlir); - is standard input",
    )
    parser.add_argument("-o", "--output", default="-", metavar="FILE", help="where the result goes (default: stdout)")
    add_source_arguments(parser)

    passes = parser.add_argument_group("passes")
    passes.add_argument("-p", "--passes", "--pass-pipeline", metavar="P,Q{OPTION=V}", help="passes to run, in order")
    passes.add_argument("--list-passes", action="store_true", help="name all passes")
    passes.add_argument(
        "--target", choices=("host", *TARGETS), default="host", help="the machine to compile for (default: this one)"
    )
    passes.add_argument("--seed", type=int, default=0, help="seed of the inputs of --check")
    passes.add_argument("--check", action="store_true", help="run the module before and after each pass and compare")
    passes.add_argument("--check-grad", action="store_true", help="compare derivatives with finite differences")
    passes.add_argument(
        "--verify-each",
        nargs="?",
        const=True,
        default=True,
        type=_boolean,
        help="verify after each pass (default: yes)",
    )
    passes.add_argument(
        "--reproducer",
        "--mlir-pass-pipeline-crash-reproducer",
        metavar="FILE",
        help="on failure, write what fails here",
    )

    dumps = parser.add_argument_group("what to show")
    dumps.add_argument("--dump-after", "--mlir-print-ir-after", action="append", default=[], metavar="P,Q")
    dumps.add_argument("--dump-before", "--mlir-print-ir-before", action="append", default=[], metavar="P,Q")
    dumps.add_argument("--dump-all", "--mlir-print-ir-after-all", action="store_true", help="dump after every pass")
    dumps.add_argument(
        "--mlir-print-ir-before-all", dest="dump_before_all", action="store_true", help=argparse.SUPPRESS
    )
    dumps.add_argument("--time", "--mlir-timing", action="store_true", help="how long each pass took")
    dumps.add_argument("--stats", "--mlir-pass-statistics", action="store_true", help="what each pass counted")
    dumps.add_argument("--emit", default="mlir", choices=FORMS, help="form of the result")
    dumps.add_argument("--print-generic", "--mlir-print-op-generic", action="store_true", help="MLIR's generic form")
    dumps.add_argument("--print-locations", "--mlir-print-debuginfo", action="store_true", help="with loc(...)")
    dumps.add_argument(
        "--elide",
        "--mlir-elide-elementsattrs-if-larger",
        nargs="?",
        const=True,
        default=False,
        type=bool,
        help="shorten large data",
    )

    tests = parser.add_argument_group("tests")
    tests.add_argument(
        "--split-input-file", action="store_true", help="treat the parts between '// -----' lines separately"
    )
    tests.add_argument(
        "--verify-diagnostics", action="store_true", help="compare errors with '// expected-error {{...}}'"
    )
    return parser


def _boolean(text: str) -> bool:
    if text.lower() in ("1", "true", "yes"):
        return True
    if text.lower() in ("0", "false", "no"):
        return False
    raise argparse.ArgumentTypeError(f"expected true or false, got {text!r}")


def _names(given: Sequence[str]) -> list[str]:
    names = [name.strip().replace("_", "-") for text in given for name in text.split(",")]
    for name in names:
        if name not in pass_names():
            raise Misuse(f"irc-opt: there is no pass '{name}'; the passes are {', '.join(pass_names())}\n")
    return names


def _pipeline(arguments: argparse.Namespace, after: list[str], before: list[str]) -> list[Pass]:
    """The passes to run: those of ``-p``, or the default ones as far as the dumps or the form ask for."""
    if arguments.passes is not None:
        text = arguments.passes.strip()
        if text.startswith("builtin.module(") and text.endswith(")"):
            text = text[len("builtin.module(") : -1]
        return parse_pipeline(text)
    default = parse_pipeline(TRAINING)
    if arguments.dump_all or arguments.dump_before_all or arguments.emit in ("llvm", "asm"):
        return default
    wanted = set(after) | set(before)
    if not wanted:
        return default if arguments.check or arguments.check_grad or arguments.time or arguments.stats else []
    reached = [i for i, p in enumerate(default) if p.name in wanted]
    if not reached:
        raise Misuse(f"irc-opt: pass '{sorted(wanted)[0]}' is not in the default pipeline; name the passes with -p\n")
    return default[: reached[-1] + 1]


def _process(
    source: Source, arguments: argparse.Namespace, target: Target, out: TextIO, err: TextIO, context: PassContext
) -> str:
    """Handle one input; returns the text of the result."""
    after, before = _names(arguments.dump_after), _names(arguments.dump_before)
    passes = _pipeline(arguments, after, before)
    module = load_module(source, source_options(arguments), context.diagnostics)
    verify(module)
    shown = {
        "generic": arguments.print_generic or arguments.emit == "generic",
        "elide": arguments.elide,
        "locations": arguments.print_locations,
    }
    dumping = bool(after or before or arguments.dump_all or arguments.dump_before_all)
    implicit = arguments.passes is None
    stream = out if implicit else err
    dump = Dump(
        stream,
        after=None if arguments.dump_all else after,
        before=None if arguments.dump_before_all else before,
        **shown,
    )
    timing, statistics = Timing(), Statistics()
    instruments = [dump, timing, statistics]
    if arguments.check or arguments.check_grad:
        instruments.append(
            CheckPass(seed=arguments.seed, passes=arguments.check, gradients=True, reproducer=arguments.reproducer)
        )
    manager = PassManager(passes, context, instruments, bool(arguments.verify_each))
    with Reproducer(arguments.reproducer, manager):
        manager.run(module)
    if arguments.time:
        err.write(timing.report())
    if arguments.stats:
        err.write(statistics.report())
    only_reports = implicit and passes and arguments.emit == "mlir" and not arguments.print_generic
    if implicit and (dumping or only_reports):
        return ""
    if arguments.emit in ("mlir", "generic"):
        return print_module(module, **shown)
    return emit(module, arguments.emit, target)


def _read(file: str, stdin: TextIO) -> Source:
    if file == "-":
        return Source(stdin.read(), "<stdin>")
    return read_source(file)


def _parts(source: Source) -> list[Source]:
    """The parts of a split file. Each keeps its line numbers, by blank lines in front."""
    parts, begin = [], 0
    lines = source.text.split("\n")
    for number, line in enumerate([*lines, "// -----"]):
        if line.startswith("// -----") and "//-----" not in line[3:]:
            parts.append(Source("\n" * begin + "\n".join(lines[begin:number]) + "\n", source.name))
            begin = number + 1
    return parts


def main(argv: Sequence[str], stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    """Run the command with these streams; returns the exit status."""

    def command(arguments: argparse.Namespace) -> int:
        if arguments.list_passes:
            stdout.write("".join(f"{name}\n" for name in pass_names()))
            return 0
        _names(arguments.dump_after + arguments.dump_before)
        checked_seed(arguments.seed)
        return _run(arguments, find_target(arguments.target), stdin, stdout, stderr)

    return run_command(_parser(), argv, stdout, stderr, command)


def _run(arguments: argparse.Namespace, target: Target, stdin: TextIO, stdout: TextIO, stderr: TextIO) -> int:
    whole = _read(arguments.file, stdin)
    results: list[str] = []
    failed = False
    for source in _parts(whole) if arguments.split_input_file else [whole]:
        context = PassContext(target, Diagnostics())
        error: Error | None = None
        try:
            results.append(_process(source, arguments, target, stdout, stderr, context))
        except Error as found:
            error = found
        if arguments.verify_diagnostics:
            found_all = [*context.diagnostics.found, *(error.diagnostics if error else ())]
            mismatches = compare_with_expected(source, found_all)
            failed = failed or bool(mismatches)
            stderr.writelines(f"{text}\n" for text in mismatches)
            continue
        for warning in context.diagnostics.found:
            stderr.write(f"{warning}\n")
        if error is not None:
            failed = True
            stderr.write(f"{error}\n")
    if not arguments.verify_diagnostics:
        text = "// -----\n".join(results)
        if arguments.output == "-":
            stdout.write(text)
        elif not failed:
            write_atomically(arguments.output, text)
    return 1 if failed else 0


def main_cli() -> int:
    """The console script."""
    return run_console(main)


if __name__ == "__main__":
    sys.exit(main_cli())
