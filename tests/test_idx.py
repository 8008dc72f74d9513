"""Files of MNIST's format: what is read, and what is said of those that are not as they should be."""

import gzip
import re
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import irc

KINDS = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
"""The kinds of elements, from the definition of the format."""


def idx(array):
    """The contents of a file."""
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, KINDS[array.dtype.str[1:]], array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


@given(
    st.sampled_from(list(KINDS)).flatmap(
        lambda name: arrays.arrays(name, arrays.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
    ),
    st.booleans(),
)
def test_what_is_written_is_read(tmp_path_factory, array, packed):
    path = tmp_path_factory.mktemp("idx") / "array"
    path.write_bytes(gzip.compress(idx(array)) if packed else idx(array))
    found = irc.read_idx(path)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype and found.dtype.isnative and found.flags.writeable and found.flags.c_contiguous


IMAGES = idx(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))
BAD = {
    "empty": (b"", "it is empty; an idx file begins with 00 00, a kind"),
    "another format": (b"PK\3\4 and more", "it begins with 50 4b 03 04; an idx file begins with 00 00"),
    "unknown kind": (b"\0\0\x0a\1" + bytes(8), "it begins with 00 00 0a 01; .*a kind .08, 09, 0b, 0c, 0d, 0e."),
    "no dimension": (b"\0\0\x08\0", "it begins with 00 00 08 00"),
    "magic cut off": (IMAGES[:3], "it begins with 00 00 08;"),
    "header cut off": (IMAGES[:11], "ends within its header: 3 dimensions take 12 bytes, 7 are there"),
    "cut off": (IMAGES[:-5], r"\(2, 3, 4\) of uint8 take 24 bytes behind the header, 19 are there"),
    "too long": (IMAGES + b"x", "take 24 bytes behind the header, there are more"),
    "sizes that lie": (b"\0\0\x08\2" + b"\0\1\0\0" * 2 + b"abc", "take 4294967296 bytes behind the header, 3 are"),
    "more dimensions than NumPy has": (b"\0\0\x08\x41" + b"\0\0\0\1" * 65 + b"x", "NumPy has no array"),
    "no elements, in a large array": (b"\0\0\x08\5" + bytes(4) + b"\xff" * 16, "NumPy has no array .0, 4294967295"),
    "no machine holds": (b"\0\0\x0e\3" + b"\xff" * 12, "would take .* bytes; this machine has"),
    "gzip cut off": (gzip.compress(IMAGES)[:-9], "what gzip packed is cut off or damaged"),
    "gzip damaged": (gzip.compress(IMAGES)[:-8] + bytes(8), "what gzip packed is cut off or damaged"),
    "gzip of another format": (gzip.compress(b"hello"), "it begins with 68 65 6c 6c"),
}


@pytest.mark.parametrize("case", BAD)
def test_files_that_are_not_as_they_should_be(tmp_path, case):
    contents, message = BAD[case]
    path = tmp_path / "data-idx3-ubyte"
    path.write_bytes(contents)
    with pytest.raises(irc.Error) as caught:
        irc.read_idx(path)
    assert re.search(message, str(caught.value)) and str(path) in str(caught.value)


@given(st.binary(max_size=40))
def test_any_bytes_are_an_array_or_an_error(tmp_path_factory, contents):
    path = tmp_path_factory.mktemp("idx") / "array"
    for start in (b"", b"\0\0\x08", b"\0\0\x08\1", b"\x1f\x8b\x08"):
        path.write_bytes(start + contents)
        try:
            found = irc.read_idx(path)
        except irc.Error as error:
            assert "as an idx file: " in str(error) or "this machine has" in str(error)
        else:
            assert idx(found) == start + contents


def test_files_that_cannot_be_opened(tmp_path):
    with pytest.raises(irc.Error, match="cannot read '.*nothing': No such file"):
        irc.read_idx(tmp_path / "nothing")
    with pytest.raises(irc.Error, match="cannot read '.*': Is a directory"):
        irc.read_idx(tmp_path)
    with pytest.raises(irc.Error, match="path must be that of a file, not ndarray"):
        irc.read_idx(np.zeros(3))
