"""What the text forms share."""

from __future__ import annotations

import pytest

from irc.frontends.text import hexadecimal, lines, shown, stem, undecodable
from irc.ir.diagnostics import Error
from irc.ir.locations import Source


def test_undecodable_bytes_are_located():
    data = "ok\né".encode() + b"\xff\xfe"
    with pytest.raises(UnicodeDecodeError) as decoding:
        data.decode("utf-8")
    with pytest.raises(Error, match=r"net.nal:2:2: error: not a text file: byte 0xff is not UTF-8"):
        undecodable("net.nal", data, decoding.value)


def test_offsets_of_lines():
    text = "\ufeffab \r\n\n\tc"
    found = list(lines(Source(text)))
    assert [line for _, line in found] == ["ab", "", "\tc"]
    assert all(text.startswith(line, offset) for offset, line in found)


def test_numbers_and_quotes():
    assert [hexadecimal(text) for text in ("0e", "FF", "", "0x1", "1_0", "-1", "٣", " 1")] == [14, 255] + [None] * 6
    assert shown("a\tb") == r"'a\tb'"
    assert len(shown("x" * 1000)) < 40


def test_name_of_the_net():
    names = [stem(Source("", name)) for name in ("a/b/nn00.nal", "<string>", "x.tar.nam", "")]
    assert names == ["nn00", "net", "x.tar", "net"]
