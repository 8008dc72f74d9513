"""Every module at every level is real MLIR: stock MLIR accepts its generic form, and nothing is lost on the way.

Nets go through the default pipeline, the one that keeps single neurons, and one that differentiates neurons; the module
after each pass must pass. What the FileCheck tests print goes through the same gate as they run (tests/conftest.py).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from irc.dialects.builtin import ModuleOp
from irc.frontends.build import graph_to_module
from irc.ir.attributes import DenseAttr
from irc.ir.types import TensorType, f32
from irc.passes.pipelines import INFERENCE, TRAINING
from irc.passmanager import PassManager, parse_pipeline
from irc.text.parser import parse_module
from irc.text.printer import print_module
from support.gate import Gate, GateFailure, gated_tools, pass_gate
from support.nets import SAMPLES, random_graph, sample_module
from support.run_lines import run_file

MLP = Path(__file__).parents[1] / "ir" / "mlp.mlir"
PIPELINES = {
    "training": TRAINING,
    "inference": INFERENCE,
    "single neurons": TRAINING.replace("group-neurons", "explode-neurons"),
    "gradients of neurons": "dce,canonicalize,cse,explode-neurons,autodiff,cse,dce,canonicalize,lower-neuron,cse,"
    "split-backward,fuse,lower-array",
    "split": TRAINING.replace("autodiff", "autodiff,split-backward{save=all},specialize"),
    "fixed sizes": TRAINING.replace("fuse", "specialize{symbols=B=3},fuse"),
}
"""Every pass is in one of them."""


def run_gated(module: ModuleOp, pipeline: str) -> None:
    """Run a copy of the module through a pipeline, every step through the gate."""
    pass_gate(module, "as it came in")
    gate = Gate()
    copy: ModuleOp = module.clone()
    PassManager(parse_pipeline(PIPELINES[pipeline]), instruments=[gate]).run(copy)
    assert gate.checked == len(parse_pipeline(PIPELINES[pipeline]))


def _sample_cases():
    """Every sample in every pipeline; the largest, neuron by neuron, only among the slow tests."""
    for name in SAMPLES:
        for pipeline in PIPELINES:
            large = name == "cnn.nam" and pipeline in ("single neurons", "gradients of neurons")
            yield pytest.param(name, pipeline, marks=[pytest.mark.slow] if large else [], id=f"{name}-{pipeline}")


@pytest.mark.parametrize(("name", "pipeline"), list(_sample_cases()))
def test_sample_net(name, pipeline):
    run_gated(sample_module(name, dtype=f32), pipeline)


@pytest.mark.parametrize("seed", range(2 * len(PIPELINES)))
def test_random_net(seed):
    run_gated(graph_to_module(random_graph(seed), "auto", f32), list(PIPELINES)[seed % len(PIPELINES)])


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_array_program(pipeline):
    run_gated(parse_module(MLP.read_text(encoding="utf-8")), pipeline)


def test_data_of_any_size():
    """Up to 64 elements stand in the text, more of them in a resource: MLIR gives back the same bits of both."""
    values = np.random.default_rng(0).normal(size=100).astype(np.float32)
    values[:5] = [np.nan, np.inf, -np.inf, -0.0, 1e-45]
    module = parse_module("func.func private @f()")
    for count in (0, 1, 2, 64, 65, 100):
        module.attributes[f"test.data{count}"] = DenseAttr(values[:count], TensorType([count], f32))
    pass_gate(module)


def test_gate_refuses_what_mlir_refuses():
    broken = parse_module(
        'func.func @f(%x: f32, %n: i32) { %y = "arith.addf"(%x, %n) : (f32, i32) -> f32 func.return }', verify=False
    )
    with pytest.raises(GateFailure, match="stock MLIR refuses"):
        pass_gate(broken)


def test_gate_sees_a_wrong_print(monkeypatch):
    """Both texts are fine by themselves, and MLIR takes them; but they are another program's."""
    text = "func.func @f(%x: f32) -> f32 { %y = math.exp %x : f32 func.return %y : f32 }"
    wrong = parse_module(text.replace("exp", "exp2"))
    monkeypatch.setattr("support.gate.print_module", lambda module, **form: print_module(wrong, **form))
    with pytest.raises(GateFailure, match=r"reads back as another module: 'math.exp' against 'math.exp2'"):
        pass_gate(parse_module(text))


def test_what_filecheck_tests_print_is_gated(tmp_path):
    test = tmp_path / "t.mlir"
    test.write_text(
        "// RUN: irc-opt %s -p cse --dump-all 2>&1 | filecheck %s\n// CHECK: func.func @f\n"
        "func.func @f(%x: f32) -> f32 { %y = math.exp %x : f32 func.return %y : f32 }\n"
    )
    with gated_tools() as printed:
        run_file(test, tmp_path)
    assert printed == ["builtin func math"] * 2
