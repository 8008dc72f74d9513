"""A kernel for one form of net, written by hand in LLVM IR: random DAGs of tanh neurons that weigh and sum.

The measure of what our generated kernels could be. ``width`` samples side by side: values are [neuron][sample], so one
weight is broadcast and used for all. Forward by target, backward by source, where one load of an adjoint serves the
gradient of the neuron and that of the weight. The function tanh is the text that our own passes make. Left to the
caller, before the clock: inputs and gradients of outputs in blocks, [block][neuron][sample].
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from contest import Contestant
from dags import Dag
from native import compile_text, repeated

from irc.arrays import aligned_zeros
from irc.backend.emit import emit_module
from irc.backend.target import host
from irc.ir.types import f32
from irc.passmanager import PassContext, PassManager, parse_pipeline
from irc.text.parser import parse_module

FLOAT = np.dtype(np.float32)


def contestants(dag: Dag, x: np.ndarray, dy: np.ndarray) -> Iterator[Contestant]:
    """In several widths, of which the best counts."""
    target = host()
    for width in [1] if len(x) == 1 else [n * target.lanes(f32) for n in (1, 2, 4)]:
        yield from _contestants(dag, x, dy, width)


def _contestants(dag: Dag, x: np.ndarray, dy: np.ndarray, width: int) -> Iterator[Contestant]:
    samples, outputs = len(x), len(dag.outputs)
    blocks = samples // width
    by_source = np.argsort(dag.source, kind="stable")

    def blocked(rows: np.ndarray) -> np.ndarray:
        made = aligned_zeros((blocks, rows.shape[1], width), FLOAT)
        made[...] = rows.reshape(blocks, width, -1).transpose(0, 2, 1)
        return made

    def rows(made: np.ndarray) -> np.ndarray:
        return made.transpose(0, 2, 1).reshape(samples, -1)

    arrays = {
        "w": dag.weights,
        "offsets": dag.offsets.astype(np.int32),
        "sources": dag.source.astype(np.int32),
        "first": np.searchsorted(dag.source[by_source], np.arange(dag.neurons + 1)).astype(np.int32),
        "targets": dag.target[by_source].astype(np.int32),
        "edges": by_source.astype(np.int32),
        "outs": dag.outputs.astype(np.int32),
        "values": aligned_zeros((dag.neurons, width), FLOAT),
        "adjoints": aligned_zeros((dag.neurons, width), FLOAT),
        "x": blocked(x),
        "y": blocked(np.zeros_like(dy)),
        "dy": blocked(dy),
        "dw": aligned_zeros(len(dag.weights), FLOAT),
        "dx": blocked(np.zeros_like(x)),
    }
    arguments = [("ptr", array.ctypes.data) for array in arrays.values()]
    arguments += [("i64", size) for size in (blocks, dag.inputs, dag.neurons, outputs)]
    forward, joint = compile_text(_text(width), ["forward", "joint"])
    y, dw, dx = (arrays[name] for name in ("y", "dw", "dx"))
    yield Contestant("forward, kernel", repeated(forward, arguments), lambda: (rows(y),), arrays)
    yield Contestant("joint, kernel", repeated(joint, arguments), lambda: (rows(y), dw, rows(dx)), arrays)


def _tanh(width: int) -> str:
    """``@irc.tanh(ptr)``, in place on a row of values, as our passes write it."""
    buffer = f"!loop.buffer<{width} x f32>"
    along = ("", "", "f32") if width == 1 else (f" lanes {width} along 0", " along 0", f"vector<{width}xf32>")
    module = parse_module(f"""
      func.func @tanh(%x: {buffer}) {{
        %c0 = arith.constant 0 : index
        %a = loop.load %x[%c0]{along[0]} : {buffer}
        %y = math.tanh %a : {along[2]}
        loop.store %y, %x[%c0]{along[1]} : {along[2]}, {buffer}
        func.return
      }}""")
    PassManager(parse_pipeline("expand-math,canonicalize,cse"), PassContext(host())).run(module)
    return emit_module(module, host()).replace(" nounwind {", " alwaysinline nounwind {")


def _text(width: int) -> str:
    """The module: ``@forward`` and ``@joint``, which loop over blocks, and the parts for one block."""
    lanes = min(width, host().lanes(f32))
    parts = range(width // lanes)
    one = width == 1
    kind, suffix, zero = ("float", "f32", "0.0") if one else (f"<{lanes} x float>", f"v{lanes}f32", "zeroinitializer")
    align = 4 * lanes

    def each(line: str) -> str:
        """The line for each vector of a row; ``#`` stands for its number, ``$`` for where its samples begin."""
        return "\n".join("  " + line.replace("#", str(v)).replace("$", str(v * lanes)) for v in parts)

    def row(pointer: str, base: str, number: str) -> str:
        return (
            f"  %{pointer}.at = mul nuw nsw i64 {number}, {width}\n"
            f"  %{pointer} = getelementptr float, ptr {base}, i64 %{pointer}.at"
        )

    def load(name: str, pointer: str) -> str:
        return (
            each(f"%{name}#.at = getelementptr float, ptr %{pointer}, i64 $")
            + "\n"
            + each(f"%{name}# = load {kind}, ptr %{name}#.at, align {align}")
        )

    def store(name: str, pointer: str) -> str:
        return (
            each(f"%{name}#.to = getelementptr float, ptr %{pointer}, i64 $")
            + "\n"
            + each(f"store {kind} %{name}#, ptr %{name}#.to, align {align}")
        )

    def number(name: str, table: str, at: str) -> str:
        return (
            f"  %{name}.p = getelementptr i32, ptr %{table}, i64 {at}\n"
            f"  %{name}.32 = load i32, ptr %{name}.p\n"
            f"  %{name} = zext i32 %{name}.32 to i64"
        )

    def weight(at: str) -> str:
        scalar = f"  %w.p = getelementptr float, ptr %w, i64 {at}\n  %w.1 = load float, ptr %w.p\n"
        if one:
            return scalar + "  %wide = fadd float %w.1, -0.0"
        return scalar + (
            f"  %w.i = insertelement {kind} poison, float %w.1, i32 0\n"
            f"  %wide = shufflevector {kind} %w.i, {kind} poison, <{lanes} x i32> zeroinitializer"
        )

    fma = f"call {kind} @llvm.fma.{suffix}({kind} %wide, {kind} %a#, {kind} %sum#)"
    products = [f"  %h0 = fmul {kind} %a0, %n0"]
    products += [
        f"  %h{v} = call {kind} @llvm.fma.{suffix}({kind} %a{v}, {kind} %n{v}, {kind} %h{v - 1})" for v in parts[1:]
    ]
    last = f"%h{parts[-1]}"
    total = f"call reassoc float @llvm.vector.reduce.fadd.{suffix}(float -0.0, {kind} {last})"
    names = "w offsets sources first targets edges outs values adjoints x y dy dw dx"
    graph = ", ".join(f"ptr noalias %{name}" for name in names.split())
    sizes = "i64 %blocks, i64 %inputs, i64 %neurons, i64 %outputs"
    declarations = f"declare {kind} @llvm.fma.{suffix}({kind}, {kind}, {kind})\n"
    declarations += "" if one else f"declare float @llvm.vector.reduce.fadd.{suffix}(float, {kind})\n"

    def over_blocks(name: str, before: str, body: str) -> str:
        return f"""
define void @{name}({graph}, {sizes}) nounwind {{
entry:
  %x.bytes = mul i64 %inputs, {4 * width}
  %y.bytes = mul i64 %outputs, {4 * width}
  %all.bytes = mul i64 %neurons, {4 * width}
{before}
  br label %block
block:
  %b = phi i64 [ 0, %entry ], [ %b.next, %block ]
  %x.from = mul i64 %b, %x.bytes
  %y.from = mul i64 %b, %y.bytes
  %x.b = getelementptr i8, ptr %x, i64 %x.from
  %y.b = getelementptr i8, ptr %y, i64 %y.from
  %dy.b = getelementptr i8, ptr %dy, i64 %y.from
  %dx.b = getelementptr i8, ptr %dx, i64 %x.from
  call void @llvm.memcpy.p0.p0.i64(ptr %values, ptr %x.b, i64 %x.bytes, i1 false)
  call void @rows(ptr %w, ptr %offsets, ptr %sources, ptr %values, i64 %inputs, i64 %neurons)
  call void @pick(ptr %y.b, ptr %values, ptr %outs, i64 %outputs)
{body}
  %b.next = add i64 %b, 1
  %more = icmp slt i64 %b.next, %blocks
  br i1 %more, label %block, label %done
done:
  ret void
}}"""

    def over_outputs(name: str, to: str, source: str) -> str:
        """Copies rows: row number ``%k`` is that of output k, row ``%j`` that of its neuron."""
        return f"""
define internal void @{name}(ptr noalias %to, ptr noalias %from, ptr noalias %outs, i64 %count) nounwind {{
entry:
  br label %output
output:
  %k = phi i64 [ 0, %entry ], [ %k.next, %output ]
{number("j", "outs", "%k")}
{row("target", "%to", to)}
{row("source", "%from", source)}
{load("v", "source")}
{store("v", "target")}
  %k.next = add i64 %k, 1
  %more = icmp slt i64 %k.next, %count
  br i1 %more, label %output, label %done
done:
  ret void
}}"""

    forward_rows = f"""
define internal void @rows(ptr noalias readonly %w, ptr noalias readonly %offsets, ptr noalias readonly %sources,
                           ptr noalias %values, i64 %inputs, i64 %neurons) noinline nounwind {{
entry:
  br label %row
row:
  %j = phi i64 [ %inputs, %entry ], [ %j.next, %finish ]
  %j.next = add i64 %j, 1
{number("begin", "offsets", "%j")}
{number("end", "offsets", "%j.next")}
  br label %edge
edge:
  %e = phi i64 [ %begin, %row ], [ %e.next, %edge ]
{each(f"%sum# = phi {kind} [ {zero}, %row ], [ %total#, %edge ]")}
{weight("%e")}
{number("source", "sources", "%e")}
{row("from", "%values", "%source")}
{load("a", "from")}
{each(f"%total# = {fma}")}
  %e.next = add nuw nsw i64 %e, 1
  %e.more = icmp ult i64 %e.next, %end
  br i1 %e.more, label %edge, label %finish
finish:
{row("to", "%values", "%j")}
{store("total", "to")}
  call void @irc.tanh(ptr %to)
  %more = icmp ult i64 %j.next, %neurons
  br i1 %more, label %row, label %done
done:
  ret void
}}"""
    backward_rows = f"""
define internal void @back(ptr noalias readonly %w, ptr noalias readonly %first, ptr noalias readonly %targets,
                           ptr noalias readonly %edges, ptr noalias readonly %values, ptr noalias %adjoints,
                           ptr noalias %dw, i64 %inputs, i64 %neurons) noinline nounwind {{
entry:
  br label %row
row:
  %j.next = phi i64 [ %neurons, %entry ], [ %j, %next ]
  %j = sub i64 %j.next, 1
{number("begin", "first", "%j")}
{number("end", "first", "%j.next")}
{row("own", "%adjoints", "%j")}
{row("value", "%values", "%j")}
{load("g", "own")}
{load("n", "value")}
  %any = icmp ult i64 %begin, %end
  br i1 %any, label %edge, label %finish
edge:
  %e = phi i64 [ %begin, %row ], [ %e.next, %edge ]
{each(f"%sum# = phi {kind} [ %g#, %row ], [ %total#, %edge ]")}
{number("place", "edges", "%e")}
{weight("%place")}
{number("target", "targets", "%e")}
{row("from", "%adjoints", "%target")}
{load("a", "from")}
{each(f"%total# = {fma}")}
{chr(10).join(products)}
  %part = {f"fadd float {last}, 0.0" if one else total}
  %dw.p = getelementptr float, ptr %dw, i64 %place
  %dw.old = load float, ptr %dw.p
  %dw.new = fadd float %dw.old, %part
  store float %dw.new, ptr %dw.p
  %e.next = add nuw nsw i64 %e, 1
  %e.more = icmp ult i64 %e.next, %end
  br i1 %e.more, label %edge, label %finish
finish:
{each(f"%all# = phi {kind} [ %g#, %row ], [ %total#, %edge ]")}
  %is.neuron = icmp uge i64 %j, %inputs
  br i1 %is.neuron, label %neuron, label %input
neuron:
{each(f"%yg# = fmul {kind} %all#, %n#")}
{each(f"%neg# = fneg {kind} %yg#")}
{each(f"%delta# = call {kind} @llvm.fma.{suffix}({kind} %neg#, {kind} %n#, {kind} %all#)")}
{store("delta", "own")}
  br label %next
input:
{store("all", "own")}
  br label %next
next:
  %more = icmp ugt i64 %j, 0
  br i1 %more, label %row, label %done
done:
  ret void
}}"""
    clear_weights = """  %count.p = getelementptr i32, ptr %offsets, i64 %neurons
  %count.32 = load i32, ptr %count.p
  %count = zext i32 %count.32 to i64
  %dw.bytes = mul i64 %count, 4
  call void @llvm.memset.p0.i64(ptr %dw, i8 0, i64 %dw.bytes, i1 false)"""
    there_and_back = """  call void @llvm.memset.p0.i64(ptr %adjoints, i8 0, i64 %all.bytes, i1 false)
  call void @put(ptr %adjoints, ptr %dy.b, ptr %outs, i64 %outputs)
  call void @back(ptr %w, ptr %first, ptr %targets, ptr %edges, ptr %values, ptr %adjoints, ptr %dw,
                  i64 %inputs, i64 %neurons)
  call void @llvm.memcpy.p0.p0.i64(ptr %dx.b, ptr %adjoints, i64 %x.bytes, i1 false)"""
    memory = """declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""
    ours = _tanh(width)
    declared = "".join(line + "\n" for line in declarations.splitlines() if line not in ours)
    copies = over_outputs("pick", "%k", "%j") + over_outputs("put", "%j", "%k")
    both = over_blocks("forward", "", "") + over_blocks("joint", clear_weights, there_and_back)
    return ours + declared + memory + copies + forward_rows + backward_rows + both
