"""A net in one file: what it was compiled from, its parameters, the state of its delays, and how far it has learnt.

The file is a zip archive, as ``numpy.load`` reads it: ``irc.json`` says what the net is, an ``.npy`` file holds each
array. Reading one executes nothing: no pickles, and what the JSON names is looked up in tables. Archives carry a
checksum of each part, so a damaged file is found out.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from irc.compiler import compile
from irc.files import write_atomically
from irc.frontends.activation import Activation
from irc.frontends.graph import Graph
from irc.graph_program import GraphProgram
from irc.ir.diagnostics import Error, fail
from irc.model import Net
from irc.module_program import ModuleProgram
from irc.text.parser import parse_module
from irc.training.memory import Memory

FORMAT, VERSION = "irc net", 1
_JSON = "irc.json"
_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every part: equal nets give equal files."""
_LEFT_OUT = ("origin", "neuron_offsets", "edge_offsets", "warnings")
"""What a graph has of the text that it came from."""

Arrays = dict[str, np.ndarray]


def save(net: Net, path: str | os.PathLike) -> None:
    """Write the net to a file, whole or not at all. Raises :class:`irc.Error` for what cannot be saved."""
    write_atomically(path, to_bytes(net))


def load(path: str | os.PathLike, *, target: Any = None, threads: int = 1, cache: Any = True) -> Net:
    """The net of a file that :meth:`irc.Net.save` wrote; ``target``, ``threads`` and ``cache`` as for
    :func:`irc.compile`.

    It runs, and goes on learning, as the saved one would have. Raises :class:`irc.Error` for a file that is damaged, is
    none of ours, or was written by a later version.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        fail(f"cannot read '{os.fspath(path)}': {error.strerror or error}")
    return from_bytes(data, os.fspath(path), target=target, threads=threads, cache=cache)


def to_bytes(net: Net) -> bytes:
    """The contents of a file for the net. Raises :class:`irc.Error` for passes that are no text."""
    arrays: Arrays = {"parameters": net.params.flat}
    described: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "dtype": str(net.dtype),
        "structure": net.structure,
        "source": _source(net, arrays),
    }
    if net.loss is not None:
        described["loss"] = [net.loss.name, net.loss.parameter]
    if net.has_state:
        arrays["state"], described["begun"] = net.state.flat, net.state.begun
    if net.memory is not None:
        described["memory"] = net.memory.to_json()
        arrays |= {f"memory/{name}": array for name, array in net.memory.moments.items()}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(_JSON, _DATE), json.dumps(described, indent=1))
        for name, array in arrays.items():
            part = io.BytesIO()
            np.lib.format.write_array(part, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _DATE), part.getvalue())
    return content.getvalue()


def _source(net: Net, arrays: Arrays) -> dict[str, Any]:
    """What the net was compiled from; arrays of a graph go into ``arrays``."""
    program = net.program
    if isinstance(program, ModuleProgram):
        passes = None if program.own_passes is None else ",".join(map(str, program.own_passes))
        return {"module": program.module.to_text(), "entry": net.name, "passes": passes}
    if not isinstance(program, GraphProgram):
        raise Error(f"net {net.name} is frozen: save the net that was frozen")
    described: dict[str, Any] = {}
    for field in fields(Graph):
        value = getattr(program.graph, field.name)
        if isinstance(value, np.ndarray) and field.name not in _LEFT_OUT:
            arrays[f"graph/{field.name}"] = value
        elif field.name == "given_names":
            described[field.name] = list(value.items())
        elif field.name not in _LEFT_OUT and value is not None:
            described[field.name] = value
    return {"graph": described}


def from_bytes(data: bytes, name: str = "<bytes>", **options: Any) -> Net:
    """The net of such contents; for the options see :func:`load`."""
    return _Reader(data, name).net(options)


@dataclass
class _Reader:
    """One file. Nothing that it says is believed before it has been looked at."""

    data: bytes
    name: str

    def net(self, how: Mapping[str, Any]) -> Net:
        """The net."""
        described, arrays = self._parts()
        if described.get("format") != FORMAT:
            self._fail("it is no net that irc saved")
        if described.get("version") != VERSION:
            self._fail(f"it is of version {described.get('version')!r:.20}; this irc reads version {VERSION}")
        options = {"dtype": described.get("dtype"), "structure": described.get("structure", "data")}
        source, own = self._source(described.get("source"), arrays)
        try:
            net = compile(source, **options, **own, **how)
        except Error as error:
            self._fail(str(error).removeprefix("error: "))
        self._set(net, described, arrays)
        return net

    def _parts(self) -> tuple[dict[str, Any], Arrays]:
        try:
            with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
                names = archive.namelist()
                if _JSON not in names:
                    self._fail("it is no net that irc saved")
                described = json.loads(archive.read(_JSON))
                arrays = {n.removesuffix(".npy"): self._array(archive.read(n)) for n in names if n.endswith(".npy")}
        except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RecursionError) as error:
            self._fail(f"it is damaged, or no net that irc saved ({error})")
        if not isinstance(described, dict):
            self._fail("it is no net that irc saved")
        return described, arrays

    @staticmethod
    def _array(part: bytes) -> np.ndarray:
        """An array in NumPy's format. Its header is compared with what is there before anything is allocated."""
        stream = io.BytesIO(part)
        version = np.lib.format.read_magic(stream)
        form = np.lib.format
        read: Callable = form.read_array_header_1_0 if version == (1, 0) else form.read_array_header_2_0
        shape, _, dtype = read(stream)
        if dtype.hasobject or int(np.prod(shape, dtype=object)) * dtype.itemsize != len(part) - stream.tell():
            raise ValueError("the size of an array is not that of its data")
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)

    def _source(self, source: Any, arrays: Arrays) -> tuple[Any, dict[str, Any]]:
        """What is compiled, and options that belong to it."""
        try:
            if "graph" in source:
                return self._graph(dict(source["graph"]), arrays), {}
            return parse_module(source["module"]), {"entry": source["entry"], "passes": source["passes"]}
        except Error as error:
            self._fail(str(error).removeprefix("error: "))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            self._fail("what it says of its source cannot be read")

    def _graph(self, given: dict[str, Any], arrays: Arrays) -> Graph:
        given["activations"] = tuple(Activation(str(name), parameter) for name, parameter in given["activations"])
        given["given_names"] = {int(number): str(text) for number, text in given["given_names"]}
        if given.get("labels") is not None:
            given["labels"] = tuple(map(str, given["labels"]))
        given |= {n.removeprefix("graph/"): array for n, array in arrays.items() if n.startswith("graph/")}
        known = {field.name for field in fields(Graph)} - {*_LEFT_OUT}
        return Graph(**{key: value for key, value in given.items() if key in known})

    def _set(self, net: Net, described: Mapping[str, Any], arrays: Arrays) -> None:
        """Parameters and states."""
        flat = arrays.get("parameters")
        if flat is None or flat.shape != net.params.flat.shape or flat.dtype != net.dtype:
            self._fail(f"it must hold {net.params.flat.size} parameters of {net.dtype}")
        net.params.flat[...] = flat
        if described.get("loss") is not None:
            net.loss = self._loss(described["loss"])
        if net.has_state:
            if "state" not in arrays:
                self._fail("it does not hold the state of the delays")
            net.state.restore(arrays["state"], described.get("begun") is True)
        if "memory" in described:
            moments = {n.removeprefix("memory/"): a for n, a in arrays.items() if n.startswith("memory/")}
            try:
                net.memory = Memory.from_json(described["memory"], moments, net.params.flat)
            except (Error, KeyError, TypeError, ValueError, AttributeError) as error:
                self._fail(f"what it says of the training cannot be read ({error})")

    def _loss(self, given: Any) -> Any:
        """A loss as ``net.loss`` takes it."""
        if not isinstance(given, list) or len(given) != 2 or not isinstance(given[0], str):
            self._fail("what it says of the loss cannot be read")
        return given[0] if given[1] is None else tuple(given)

    def _fail(self, why: str) -> NoReturn:
        fail(f"cannot load '{self.name}': {why}")
