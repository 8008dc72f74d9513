"""The net of neurons that a function or net is, as seen from outside."""

from __future__ import annotations

from irc.dialects.array import Reshape
from irc.dialects.func import FuncOp, ReturnOp
from irc.dialects.neuron.net import Call, Net
from irc.ir.attributes import StringAttr
from irc.ir.operation import Operation, Value
from irc.ir.symbols import is_private, lookup
from irc.ir.types import TensorType


def whole_net(entry: Operation) -> Net | None:
    """A net is itself; a function whose one deed is to call a private net (:func:`called_net`) is that net. Else None.

    The latter is a copy, which has the function's name, and what the function says of its parameters.
    """
    if isinstance(entry, Net):
        return entry
    inner = called_net(entry)
    if inner is None:
        return None
    assert isinstance(entry, FuncOp)
    net = inner.clone()
    assert isinstance(net, Net)
    for key in ("names", "tensors", "initial", "sym_visibility"):
        net.attributes.pop(key, None)
    net.attributes["sym_name"] = StringAttr(entry.sym_name.value)
    marks = dict(entry.arg_attributes(1).items()) if inner.parameter_count else {}
    net.attributes |= {key: marks[f"irc.{key}"] for key in ("tensors", "initial") if f"irc.{key}" in marks}
    return net


def called_net(function: Operation) -> Net | None:
    """The private net that a function calls, if it does no more than to give each sample and result another shape.

    Such a function has the samples as its first argument, the parameters, if there are any, as its second, and no
    other. Of the samples, the call and the result the first size is one, so a reshape moves nothing from one sample to
    another.
    """
    if not isinstance(function, FuncOp) or function.is_declaration or not function.arguments:
        return None
    last = function.entry.last
    if not isinstance(last, ReturnOp) or len(last.operands) != 1:
        return None
    (result,) = last.operands
    call = _without_reshapes(result).defining_op()
    if not isinstance(call, Call) or len(call.operands) != 2:
        return None
    samples, *parameters = function.arguments
    rows, flat = call.operands
    if _without_reshapes(rows) is not samples or len({_first_size(value) for value in (samples, rows, result)}) != 1:
        return None
    net = lookup(call, call.callee.value)
    if not isinstance(net, Net) or not is_private(net) or net.is_gradient:
        return None
    if net.parameter_count == 0:
        return None if parameters else net
    given = parameters == [flat] and "irc.param" in dict(function.arg_attributes(1).items())
    return net if given else None


def _without_reshapes(value: Value) -> Value:
    op = value.defining_op()
    while isinstance(op, Reshape):
        value = op.operands[0]
        op = value.defining_op()
    return value


def _first_size(value: Value) -> object:
    return value.type.shape[0] if isinstance(value.type, TensorType) and value.type.rank else None
