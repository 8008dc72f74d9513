"""The JSON form of neat-python's networks, as ``neat.export.export_network_json`` writes it (format version 1.0).

    {"network_type": "feedforward",                    or "recurrent"
     "topology": {"input_keys": [-1, -2], "output_keys": [0], ...},
     "nodes": [{"id": 0, "type": "output", "activation": {"name": "tanh", "custom": false},
                "aggregation": {"name": "sum", "custom": false}, "bias": 0.5, "response": 1.0}, ...],
     "connections": [{"from": -1, "to": 0, "weight": 2.0, "enabled": true}, ...], ...}

What a genome means is in ``irc.frontends.neat``. Fields that do not bear on it are ignored.
"""

from __future__ import annotations

import json
import json.decoder
import json.scanner
from typing import Any

from irc.frontends.graph import Graph
from irc.frontends.neat import Connection, Genome, Node, graph_of
from irc.frontends.text import check_text, stem
from irc.ir.diagnostics import Diagnostics, Error, fail
from irc.ir.locations import UNKNOWN, Location, Source

_MAJOR = "1"
_KINDS = ("feedforward", "recurrent")


def parse(source: Source, *, outputs: Any = None) -> Graph:
    """The net of an exported network. ``outputs`` as in :func:`irc.frontends.neat.from_genome`.

    Raises Error for text that is no JSON, and with everything wrong with the network, each at the object it is in.
    """
    check_text(source)
    try:
        return _Reader(source, json.JSONDecoder()).graph(outputs)
    except Error:
        return _Reader(source, _PlacedDecoder()).graph(outputs)  # slower: it knows where the objects are


class _PlacedObject(dict):
    """An object and the offset of its brace."""

    offset: int


class _PlacedDecoder(json.JSONDecoder):
    """Makes a :class:`_PlacedObject` of every object. Only the decoder in Python can be told to."""

    def __init__(self) -> None:
        super().__init__()
        plain = json.decoder.JSONObject  # type: ignore[attr-defined]

        def placed(text_and_end: tuple[str, int], *rest: Any) -> tuple[_PlacedObject, int]:
            found, end = plain(text_and_end, *rest)
            made = _PlacedObject(found)
            made.offset = text_and_end[1] - 1
            return made, end

        self.parse_object = placed
        self.scan_once = json.scanner.py_make_scanner(self)  # type: ignore[attr-defined]


class _Reader:
    def __init__(self, source: Source, decoder: json.JSONDecoder):
        self.source = source
        self.diagnostics = Diagnostics()
        try:
            self.data = decoder.decode(source.text.removeprefix("\ufeff"))
        except json.JSONDecodeError as error:
            mark = source.text.startswith("\ufeff")
            fail(f"not JSON: {error.msg}", source.location(error.pos + mark))
        except (ValueError, RecursionError) as error:  # a number of thousands of digits; thousands of brackets
            fail(f"not JSON that can be read: {error}", source.location(0))

    def graph(self, outputs: Any) -> Graph:
        """The net."""
        data = self.data
        if not isinstance(data, dict) or "network_type" not in data or "nodes" not in data:
            fail("not a network of neat-python: expected an object with network_type and nodes", self.at(data))
        self.check_header(data)
        topology = self.part(data, "topology", dict)
        inputs, chosen = self.keys(topology, "input_keys"), self.keys(topology, "output_keys")
        genome = Genome(stem(self.source), inputs, chosen, recurrent=data["network_type"] == "recurrent")
        for node in self.objects(data, "nodes"):
            self.node(node, genome)
        for connection in self.objects(data, "connections"):
            self.connection(connection, genome)
        self.diagnostics.raise_errors()
        return graph_of(genome, outputs, self.diagnostics)

    def check_header(self, data: dict) -> None:
        """Raise Error for another kind of network, or another version of the form."""
        kind, version = data["network_type"], data.get("format_version", _MAJOR)
        if not isinstance(version, str) or version.split(".")[0] != _MAJOR:
            fail(f"format_version is {version!r:.80}; {_MAJOR}.x can be read", self.at(data))
        if kind not in _KINDS:
            fail(f"network_type is {kind!r:.80}; only {' and '.join(_KINDS)} can be read", self.at(data))

    def at(self, item: Any) -> Location:
        """Where an object begins."""
        return self.source.location(item.offset) if isinstance(item, _PlacedObject) else UNKNOWN

    def error(self, message: str, item: Any) -> None:
        self.diagnostics.error(message, self.at(item))

    def part(self, item: dict, name: str, kind: type) -> Any:
        """A field that must be an object or a list; an empty one, with an error recorded, where it is not."""
        found = item.get(name)
        if isinstance(found, kind):
            return found
        self.error(f"{name} must be {'a list' if kind is list else 'an object'}", item)
        return kind()

    def objects(self, item: dict, name: str) -> list[dict]:
        """The objects of a list."""
        found = self.part(item, name, list)
        for place, part in enumerate(found):
            if not isinstance(part, dict):
                self.error(f"{name}[{place}] must be an object, not {part!r:.80}", item)
        return [part for part in found if isinstance(part, dict)]

    def keys(self, item: dict, name: str) -> list[int]:
        """A list of keys."""
        found = self.part(item, name, list)
        wrong = [key for key in found if not _is_key(key)]
        if wrong:
            self.error(f"{name}: a key is an integer, not {wrong[0]!r:.80}", item)
        return [key for key in found if _is_key(key)]

    def key(self, item: dict, name: str) -> int:
        """A field that must be a key; 0, with an error recorded, where it is not."""
        if _is_key(item.get(name)):
            return item[name]
        self.error(f"{name!r} must be an integer, not {item.get(name)!r:.80}", item)
        return 0

    def node(self, item: dict, genome: Genome) -> None:
        """One node. Inputs are in the topology."""
        key = self.key(item, "id")
        if item.get("type") == "input":
            return
        if key in genome.nodes:
            self.error(f"node {key} is given twice", item)
        names = [self.function(item, kind, key) for kind in ("activation", "aggregation")]
        genome.nodes[key] = Node(names[0], names[1], item.get("bias", 0.0), item.get("response", 1.0), self.at(item))

    def function(self, item: dict, kind: str, key: int) -> Any:
        """The name of a function of neat-python's own."""
        function = self.part(item, kind, dict)
        if function.get("custom", False) is not False:
            self.error(f"node {key}: {kind} {function.get('name')!r:.80} is a function of the user", item)
        return function.get("name")

    def connection(self, item: dict, genome: Genome) -> None:
        """One connection."""
        source, target = self.key(item, "from"), self.key(item, "to")
        enabled = item.get("enabled", True)
        if not isinstance(enabled, bool):
            self.error(f"'enabled' must be true or false, not {enabled!r:.80}", item)
        if enabled:
            genome.connections.append(Connection(source, target, item.get("weight"), self.at(item)))


def _is_key(item: Any) -> bool:
    return isinstance(item, int) and not isinstance(item, bool)
