"""ONNX Runtime: inference of a graph, made with the package onnx; without that, nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec

import numpy as np
import onnxruntime
from mlp import Case


def peers(case: Case) -> Iterator[Peer]:
    """One way."""
    if find_spec("onnx"):
        yield Peer(case)


class Peer:
    """A session on one thread."""

    def __init__(self, case: Case):
        self.case = case

    def _model(self) -> bytes:
        from onnx import TensorProto, helper, numpy_helper

        activation = {"relu": "Relu", "tanh": "Tanh"}[self.case.model.activation]
        nodes, held, value = [], [], "x"
        for number, pair in enumerate(self.case.layers, 1):
            names = [f"w{number}", f"b{number}"]
            held += [numpy_helper.from_array(array, name) for array, name in zip(pair, names, strict=True)]
            last = number == len(self.case.layers)
            z = "y" if last else f"z{number}"
            nodes.append(helper.make_node("Gemm", [value, *names], [z], transB=1))
            if not last:
                value = f"a{number}"
                nodes.append(helper.make_node(activation, [z], [value]))
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape)
            for name, array in (("x", self.case.x), ("y", self.case.y))
        ]
        graph = helper.make_graph(nodes, "mlp", ends[:1], ends[1:], held)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        return made.SerializeToString()

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(self._model(), options, providers=["CPUExecutionProvider"])
        given = {"x": self.case.x}
        return lambda: session.run(None, given)[0]
