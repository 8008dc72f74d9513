"""What ``irc show`` prints of a net: the graph in numbers, its levels, its native code."""

from __future__ import annotations

from collections import Counter

from irc.backend.jit import Library
from irc.dialects.builtin import ModuleOp
from irc.dialects.neuron.net import Net as NetOp
from irc.dialects.neuron.whole import whole_net
from irc.emit.summary import layer_table
from irc.ir.diagnostics import counted
from irc.ir.dimensions import substitute
from irc.model import Net
from irc.passes.pipelines import PIPELINES
from irc.passes.recover_structure import count_blocks
from irc.passmanager import Instrument, Pass, PassContext, PassManager, parse_pipeline
from irc.tools.graph_facts import GraphFacts


class _Sizes(Instrument):
    """The number of ops and of lines after each pass, and the dialects in use."""

    def __init__(self, module: ModuleOp) -> None:
        self.rows = [self._row("as it came in", module, 0.0)]

    def _row(self, name: str, module: ModuleOp, seconds: float) -> tuple[str, int, int, str, float]:
        dialects = Counter(op.name.partition(".")[0] for op in module.walk())
        del dialects["builtin"]
        text = module.to_text(elide=True)
        return name, sum(dialects.values()), text.count("\n"), " ".join(sorted(dialects)), seconds

    def after(self, p: Pass, module: ModuleOp, context: PassContext, seconds: float) -> None:
        self.rows.append(self._row(str(p), module, seconds))


def _structure(net: Net, op: NetOp, edges: int) -> str:
    """What ``recover-structure`` finds, whether or not the net was compiled with it."""
    blocks, covered = count_blocks(op)
    what = "layers" if net.structure == "recover" else "left as data; structure='recover' makes them layers"
    found = counted(blocks, "dense block") + " worth a layer"
    return f"  {found}" + (f": {covered} of {edges} edges, {what}" if blocks else "")


def report(net: Net) -> str:
    """The text of the report. Runs the training pipeline once more to measure it."""
    lines = [f"net {net.name}"]
    whole = whole_net(net.entry)
    if whole is not None:
        facts = GraphFacts.of(whole)
        lines += [*facts.lines(), _structure(net, whole, facts.edges)]
    lines += [f"  {net.params.flat.size} parameters, {net.dtype}"]
    table = layer_table(net.entry)
    lines += ["", "layers", *(f"  {line}" for line in table)] if table else []
    lines += ["", "levels (training pipeline)"]
    module: ModuleOp = net.module.clone()
    sizes = _Sizes(module)
    PassManager(parse_pipeline(PIPELINES[net.structure][1]), PassContext(net.target), [sizes]).run(module)
    lines.append(f"  {'after':<16} {'ops':>6} {'lines':>6} {'ms':>8}  dialects")
    for name, ops, count, dialects, seconds in sizes.rows:
        lines.append(f"  {name:<16} {ops:6} {count:6} {seconds * 1e3:8.2f}  {dialects}")
    library = Library(module, net.target)
    code = library.code()
    assert code is not None
    lines += ["", f"native code for {net.target.name} ({net.target.cpu})"]
    lines.append(f"  {len(code.object)} bytes of object code, {library.text(False).count(chr(10))} lines of LLVM IR")
    for name, signature in library.signatures.items():
        lines.append(f"  @{name}: workspace {substitute(signature.workspace, signature.symbols)} bytes")
    lines += [f"  {stage}: {seconds * 1e3:.2f} ms" for stage, seconds in library.times.items()]
    library.close()
    return "\n".join(lines) + "\n"
