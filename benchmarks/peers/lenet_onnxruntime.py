"""ONNX Runtime: inference of a graph, made with the package onnx; without that, nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import onnxruntime
from lenet import Case


def peers(case: Case) -> Iterator[Peer]:
    """One way."""
    if find_spec("onnx"):
        yield Peer(case)


class _Graph:
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


class Peer:
    """A session on one thread."""

    def __init__(self, case: Case):
        self.case = case

    def _model(self) -> bytes:
        from onnx import TensorProto, helper

        graph = _Graph()
        output = self.case.model.forward(graph, self.case.parameters, "x")
        ends = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, array.shape)
            for name, array in (("x", self.case.x), (output, self.case.y))
        ]
        made = helper.make_graph(graph.nodes, "net", ends[:1], ends[1:], graph.held)
        model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
        return model.SerializeToString()

    def inference(self) -> Callable[[], np.ndarray]:
        """The outputs."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(self._model(), options, providers=["CPUExecutionProvider"])
        given = {"x": self.case.x}
        return lambda: session.run(None, given)[0]
