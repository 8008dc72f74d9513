"""Diagnostics: place, source line, caret; many errors at once."""

import pickle

import pytest

from irc.ir.diagnostics import Diagnostic, Diagnostics, DiagnosticWarning, Error, fail
from irc.ir.locations import FileLocation, NameLocation, Source

SOURCE = Source("N 02\n00\n01\t03 09\n", "net.nal")


def test_a_diagnostic_shows_the_line_and_a_caret_under_the_place():
    place = SOURCE.location(SOURCE.text.index("09"))
    text = Diagnostic("there is no neuron 09", place).render()
    assert text == "net.nal:3:7: error: there is no neuron 09\n    01 03 09\n          ^"


def test_a_name_in_front_does_not_hide_the_place():
    place = NameLocation("n01", SOURCE.location(8))
    assert Diagnostic("x", place).line == 3 and str(place) == 'loc("n01"("net.nal":3:1))'


def test_a_long_line_is_cut_around_the_caret():
    source = Source("a" * 5000 + "!" + "b" * 5000)
    shown, caret = Diagnostic("x", source.location(5000)).render().split("\n")[1:]
    assert len(shown) < 200 and shown[caret.index("^")] == "!"


def test_control_characters_do_not_reach_the_terminal():
    source = Source("\x1b[31m\x00")
    assert "\x1b" not in Diagnostic("x", source.location(0)).render()


def test_an_error_is_a_value_error_with_all_its_diagnostics():
    found = Diagnostics()
    found.warning("odd")
    found.error("first", SOURCE.location(0))
    found.error("second")
    with pytest.raises(ValueError) as caught:
        found.raise_errors()
    assert isinstance(caught.value, Error)
    assert [d.message for d in caught.value.diagnostics] == ["odd", "first", "second"]
    assert [(d.file, d.line, d.column) for d in caught.value.diagnostics][1:] == [("net.nal", 1, 1), (None, None, None)]


def test_warnings_alone_raise_nothing_and_reach_python():
    found = Diagnostics()
    found.warning("odd")
    found.raise_errors()
    with pytest.warns(DiagnosticWarning, match="odd"):
        found.warn()
    assert not found.found


def test_there_is_an_end_to_errors():
    found = Diagnostics()
    with pytest.raises(Error, match="too many errors"):
        for number in range(1000):
            found.error(str(number))


def test_errors_survive_pickling():
    with pytest.raises(Error) as caught:
        fail("no", FileLocation("f", 1, 2))
    assert pickle.loads(pickle.dumps(caught.value)).diagnostics == caught.value.diagnostics


def test_places_of_all_offsets():
    source = Source("ab\r\ncd")
    assert [(p.line, p.column) for p in map(source.location, range(7))] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (1, 4),
        (2, 1),
        (2, 2),
        (2, 3),
    ]
    assert source.line(1) == "ab" and source.line(2) == "cd" and source.line(3) is None
