"""Symbols: looking them up, and what refers to them."""

from __future__ import annotations

import pytest

from irc.ir.symbols import lookup, references_in, symbol_name, symbol_table, unique_name, unused_private_symbols
from irc.text.parser import parse_module
from support.dialect import CONTEXT

MODULE = """
func.func private @leaf() { return }
func.func private @inner() { func.call @leaf() : () -> () return }
func.func @main() { func.call @inner() : () -> () test.use {also = [@kept]} return }
func.func private @kept()
func.func private @ring() { func.call @gnir() : () -> () return }
func.func private @gnir() { func.call @ring() : () -> () return }
"""


def test_symbols():
    module = parse_module(MODULE, CONTEXT)
    main = module.function("main")
    assert lookup(main.entry.last, "leaf") is module.functions[0]
    assert lookup(module, "leaf") is module.functions[0] and lookup(main, "nobody") is None
    assert list(symbol_table(module)) == ["leaf", "inner", "main", "kept", "ring", "gnir"]
    assert references_in(main) == {"inner", "kept"}
    assert [symbol_name(op) for op in unused_private_symbols(module)] == ["ring", "gnir"]
    assert unique_name(module, "leaf") == "leaf_0" and unique_name(module, "new") == "new"
    with pytest.raises(KeyError):
        module.function("nobody")
    assert lookup(main.clone(), "leaf") is None


def test_attributes_of_arguments():
    text = 'func.func @f(%x: f32, %w: f32 {irc.param = "w"}) -> (f32 {t.r}) { return %x : f32 }'
    module = parse_module(text, CONTEXT)
    (function,) = module.functions
    assert function.arg_attr(0, "irc.param") is None and function.arg_attr(1, "irc.param").value == "w"
    assert "t.r" in function.res_attributes(0)
    function.set_arg_attr(0, "t.k", 3)
    function.set_res_attributes([{}])
    assert '@f(%x: f32 {t.k = 3 : i64}, %w: f32 {irc.param = "w"}) -> f32 {' in module.to_text()
    function.set_arg_attributes([{}, {}])
    assert "arg_attrs" not in function.attributes
