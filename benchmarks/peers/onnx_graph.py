"""Graphs of ONNX, made with the package onnx, and sessions of ONNX Runtime for them."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import onnxruntime

THERE = find_spec("onnx") is not None
"""Whether graphs can be made."""


class Graph:
    """Functions of the names of values, which add nodes. Parameters are arrays."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.held: list[Any] = []

    def _add(self, kind: str, values: list[str | np.ndarray], **attributes: Any) -> str:
        from onnx import helper

        names = [value if isinstance(value, str) else self._hold(value) for value in values]
        self.nodes.append(helper.make_node(kind, names, [f"v{len(self.nodes)}"], **attributes))
        return self.nodes[-1].output[0]

    def _hold(self, array: np.ndarray) -> str:
        from onnx import numpy_helper

        self.held.append(numpy_helper.from_array(np.ascontiguousarray(array), f"w{len(self.held)}"))
        return self.held[-1].name

    def relu(self, x: str) -> str:
        return self._add("Relu", [x])

    def tanh(self, x: str) -> str:
        return self._add("Tanh", [x])

    def conv(self, x: str, weight: np.ndarray, bias: np.ndarray, padding: int) -> str:
        return self._add("Conv", [x, weight, bias], pads=[padding] * 4)

    def pool(self, x: str) -> str:
        return self._add("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])

    def flatten(self, x: str) -> str:
        return self._add("Flatten", [x])

    def linear(self, x: str, weight: np.ndarray, bias: np.ndarray) -> str:
        return self._add("Gemm", [x, weight, bias], transB=1)

    def gru(self, w: dict[str, np.ndarray], x: str) -> str:
        """Its gates are z, r, n; values of it are [steps, directions, samples, width]."""
        parts = [w[f"0.{name}_l0"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
        r_z_n = (np.split(part, 3) for part in parts)
        weight, recurrent, *biases = (np.concatenate([z, r, n]) for r, z, n in r_z_n)
        of_steps = self._add("Transpose", [x], perm=[1, 0, 2])
        given = [of_steps, weight[None], recurrent[None], np.concatenate(biases)[None]]
        outputs = self._add("GRU", given, hidden_size=recurrent.shape[1], linear_before_reset=1)
        one_direction = self._add("Squeeze", [outputs, np.array([1])])
        return self._add("Transpose", [one_direction], perm=[1, 0, 2])


def session(graph: Graph, output: str, x: np.ndarray, y: np.ndarray, threads: int) -> Callable[[], np.ndarray]:
    """A function that computes the output, an array like ``y``, from the input "x"."""
    from onnx import TensorProto, helper

    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape) for name, array in (("x", x), (output, y))
    ]
    made = helper.make_graph(graph.nodes, "net", ends[:1], ends[1:], graph.held)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    running = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda: running.run(None, {"x": x})[0]
