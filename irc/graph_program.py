"""The program of an irregular net whose graph is data: native code is shared by all nets of the same kinds of neuron.

The code comes, through the ordinary passes, from a net that has one neuron of each kind (:func:`net_of_kinds`).
Nothing in it depends on that net's graph: offsets, edges, segments are arguments, and sizes are symbols. So each net
binds its own graph, once checked, to the same functions.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from typing import ClassVar
from weakref import WeakValueDictionary

import numpy as np

from irc.arrays import require_memory
from irc.backend.entry import Function
from irc.backend.forks import lock
from irc.backend.jit import Library
from irc.backend.object_cache import ObjectCache
from irc.backend.target import Target
from irc.dialects.array.kind import AGGREGATIONS, Kind
from irc.dialects.array.topology import check_topology
from irc.dialects.builtin import ModuleOp
from irc.frontends.activation import Activation
from irc.frontends.build import check_range, graph_to_module
from irc.frontends.dag import dag_data, dead_neurons, warn_of_dead
from irc.frontends.graph import Graph
from irc.initial import PARAMETER_BYTES, start_values
from irc.ir.diagnostics import Diagnostics
from irc.ir.operation import Operation
from irc.ir.types import ScalarType
from irc.ir.verifier import verify
from irc.kernel import Kernel
from irc.module_program import ModuleProgram, find_entry
from irc.parameters import ParameterTable
from irc.passes.pipelines import ONE_SAMPLE_PIPELINES, PIPELINES
from irc.passmanager import Pass, parse_pipeline
from irc.training.recipes import Recipe

ONE_SAMPLE_EDGES = 500
"""From so many edges on one sample has code of its own; below, the code for batches takes it as fast."""
CACHED_BYTES = 1 << 24
"""Values of one block of samples that stay in the last cache of a machine, beside all else."""


def net_of_kinds(kinds: Sequence[Kind], dtype: ScalarType) -> ModuleOp:
    """A module with the net ``@dag``: one input, and for each kind a neuron that reads it and is an output."""
    count = len(kinds)
    activations = tuple(Activation(kind.activation, kind.parameter) for kind in kinds)
    graph = Graph(
        source=np.zeros(count, np.int64),
        target=np.arange(1, count + 1),
        parameter=np.arange(count),
        bias=np.full(count + 1, -1),
        activations=activations,
        activation=np.append(0, np.arange(count)),
        aggregation=np.array([0, *(AGGREGATIONS.index(kind.aggregation) for kind in kinds)]),
        is_input=np.arange(count + 1) == 0,
        outputs=np.arange(1, count + 1) if count else np.zeros(1, np.int64),
        parameter_count=count,
        name="dag",
    )
    return graph_to_module(graph, "dag", dtype)


class SharedPrograms:
    """Programs of :func:`net_of_kinds`, each made once while anyone uses it.

    The ``MOST`` that were used last are kept in any case: each holds about 100 kB of machine code.
    """

    MOST: ClassVar[int] = 64

    def __init__(self) -> None:
        self._alive: WeakValueDictionary[tuple, ModuleProgram] = WeakValueDictionary()
        self._recent: OrderedDict[tuple, ModuleProgram] = OrderedDict()
        self._lock = lock()

    def program(
        self,
        kinds: tuple[Kind, ...],
        dtype: ScalarType,
        one_sample: bool,
        target: Target,
        cache: ObjectCache | None = None,
    ) -> ModuleProgram:
        """The program for these kinds. Its functions are compiled, or found in the cache, when first asked for."""
        key = (kinds, dtype, one_sample, target, cache)
        with self._lock:
            found = self._alive.get(key)
            if found is None:
                pipelines = (ONE_SAMPLE_PIPELINES if one_sample else PIPELINES)["data"]
                module = net_of_kinds(kinds, dtype)
                found = self._alive[key] = ModuleProgram(module, target, pipelines=pipelines, cache=cache)
            self._recent[key] = found
            self._recent.move_to_end(key)
            if len(self._recent) > self.MOST:
                self._recent.popitem(last=False)
            return found

    def clear(self) -> None:
        """Forget all programs; native code goes when the nets that use it go."""
        with self._lock:
            self._alive.clear()
            self._recent.clear()


SHARED = SharedPrograms()
"""Those of this process."""


class GraphProgram:
    """See :class:`irc.program.Program`. Raises :class:`irc.Error` for a graph that is no net.

    ``diagnostics`` takes the warnings about neurons that reach no output: these do not run. ``cache``: where native
    code is kept for other processes.
    """

    independent_samples = True

    def __init__(
        self,
        graph: Graph,
        target: Target,
        dtype: ScalarType,
        diagnostics: Diagnostics,
        cache: ObjectCache | None = None,
    ):
        self.graph = graph
        self.name = graph.name
        self.target = target
        self.dtype = dtype
        self.cache = cache
        self.serves_one_sample = graph.edge_count >= ONE_SAMPLE_EDGES
        require_memory(graph.parameter_count, PARAMETER_BYTES, f"{graph.parameter_count} parameters")
        if graph.initial is not None:
            check_range(graph, dtype)
        dead = dead_neurons(graph)
        warn_of_dead(graph, dead, diagnostics)
        self._topology, self._kinds, _ = dag_data(graph, dead)
        check_topology(
            *self._topology,
            inputs=len(graph.inputs),
            parameters=graph.parameter_count,
            kinds=self._kinds,
            weighted=True,
        )

    @cached_property
    def module(self) -> ModuleOp:
        """The graph as a module."""
        module = graph_to_module(self.graph, dtype=self.dtype)
        verify(module)
        return module

    @property
    def entry(self) -> Operation:
        """The net of the module."""
        return find_entry(self.module, None)

    def passes(self, training: bool, one_sample: bool = False) -> list[Pass]:
        """The pipeline that the shared code went through."""
        return parse_pipeline((ONE_SAMPLE_PIPELINES if one_sample else PIPELINES)["data"][training])

    def function(self, training: bool, one_sample: bool = False) -> Function:
        """The shared function, with this graph bound."""
        return self._bound(self._shared(training, one_sample).function(training))

    def made(self, recipe: Recipe) -> Function:
        """The shared function that a recipe makes, with this graph bound."""
        return self._bound(self._shared(True, recipe.one_sample).made(recipe))

    def _shared(self, training: bool, one_sample: bool = False) -> ModuleProgram:
        """The program whose code this net uses.

        A forward pass keeps the values of all neurons of a block of samples. Where these would not stay in the cache,
        blocks are half as wide: twice as fast at a million edges, slower where they fit. A gradient reads the slopes
        and values again anyway, so there wide blocks stay best.
        """
        target = self.target
        neurons = len(self.graph.inputs) + len(self._topology.biases)
        block_bytes = neurons * target.block * target.vector_bits // 8
        if not training and not one_sample and block_bytes > CACHED_BYTES:
            target = replace(target, block=max(1, target.block // 2))
        return SHARED.program(self._kinds, self.dtype, one_sample, target, self.cache)

    def _bound(self, shared: Function) -> Function:
        graph = self._topology
        sizes = {
            "I": len(self.graph.inputs),
            "P": self.graph.parameter_count,
            "R": len(graph.biases),
            "E": len(graph.sources),
            "S": len(graph.segments),
            "O": len(graph.outputs),
        }
        return shared.bind(graph._asdict(), sizes)

    def library(self, training: bool) -> Library:
        """The shared native code."""
        return self._shared(training).library(training)

    def parameters(self, forward: Kernel, seed: int) -> tuple[ParameterTable, np.ndarray]:
        """The table of the parameters, named as the graph says, and their start values."""
        graph = self.graph
        table = ParameterTable(graph.parameter_count, names=lambda: graph.parameter_names)
        return table, start_values(graph.parameter_fan_in, graph.initial, forward.dtype, seed)

    def close(self) -> None:
        """The shared code stays for other nets."""
