"""What a text defines besides ops: aliases of attributes, types and locations, and the data of large arrays."""

from __future__ import annotations

import re

from irc.text.attribute_parser import AttributeParser


class DefinitionParser(AttributeParser):
    """Reads aliases and resources."""

    def alias_definition(self) -> None:
        """Take ``#name = attribute``, ``#name = loc(...)`` or ``!name = type``."""
        place = self.at
        is_type = self.text.startswith("!", place)
        self.at += 1
        name = self.keyword()
        aliases: dict = self.type_aliases if is_type else self.attribute_aliases
        if name in aliases or name in self.location_aliases:
            self.fail(f"the alias '{name}' is defined twice", place)
        if "." in name:
            self.fail("the name of an alias cannot contain a point", place)
        self.expect("=")
        if is_type:
            aliases[name] = self.type()
        elif self.sees("loc"):
            location = self.optional_location()
            if isinstance(location, str):
                self.fail(f"unknown location '#{location}'", place)
            assert location is not None
            self.location_aliases[name] = location
        else:
            aliases[name] = self.attribute()

    def resources_ahead(self) -> None:
        """The data stand at the end of the text, and are wanted before."""
        if "{-#" not in self.text or "dense_resource" not in self.text:
            return
        begins = [m.start() for m in re.finditer(r"^\{-#", self.text, re.MULTILINE)]
        if begins:
            start, self.at = self.at, begins[-1]
            self.resource_section()
            self.at = start

    def resource_section(self) -> None:
        """``{-# dialect_resources: { builtin: { name: "0x..." } } #-}``: 4 bytes of alignment, then the data."""
        self.expect("{-#")
        while not self.accept("#-}"):
            section = self.keyword()
            self.expect(":")
            self.expect("{")
            while not self.accept("}"):
                self.keyword()
                self.expect(":")
                self.expect("{")
                while not self.accept("}"):
                    name = self.string() if self.sees_string() else self.keyword()
                    self.expect(":")
                    place = self.at
                    data = self.string() if self.sees_string() else str(self.attribute())
                    if section == "dialect_resources":
                        self.resources[name] = self._blob(data, place)
                    self._separator()
                self._separator()
            self._separator()

    def _separator(self) -> None:
        if not self.accept(",") and not self.sees("}") and not self.sees("#-}"):
            self.expected("',' or '}'")

    def _blob(self, data: str, place: int) -> bytes:
        try:
            if data.startswith("0x") and len(data) >= 10:
                return bytes.fromhex(data[2:])[4:]
        except ValueError:
            pass
        self.fail("expected a string of hexadecimal digits: four bytes of alignment, then the data", place)
