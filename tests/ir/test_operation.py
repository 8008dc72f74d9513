"""Operations, blocks, regions: uses, edits, copies, and the fields an op class declares."""

import pytest

from irc.ir.attributes import IntegerAttr
from irc.ir.builder import Builder
from irc.ir.constraints import ANY, FLOAT_LIKE
from irc.ir.locations import NameLocation
from irc.ir.operation import Block, Operation, Region
from irc.ir.rewriting import Pattern, rewrite
from irc.ir.spec import attr, operand, operands, region, result, results
from irc.ir.traits import PURE, TERMINATOR
from irc.ir.types import f32, f64


class Add(Operation):
    name = "toy.add"
    lhs = operand(FLOAT_LIKE)
    rhs = operand(FLOAT_LIKE)
    sum = result(FLOAT_LIKE)
    traits = frozenset({PURE})

    @classmethod
    def infer(cls, operand_types, attributes):
        return [operand_types[0]]


class Many(Operation):
    name = "toy.many"
    first = operand(ANY)
    middle = operands(ANY)
    last = operands(ANY)
    one = result(ANY)
    rest = results(ANY)
    count = attr(IntegerAttr, default=7)
    body = region()


class Yield(Operation):
    name = "toy.yield"
    values = operands(ANY)
    traits = frozenset({TERMINATOR})


@pytest.fixture
def block():
    return Block([f32, f32])


def test_values_know_their_uses(block):
    x, y = block.arguments
    add = Builder(block).create(Add, x, x)
    assert list(x.uses) == [(add, 0), (add, 1)] and x.users == [add]
    add.set_operand(1, y)
    assert list(x.uses) == [(add, 0)] and list(y.uses) == [(add, 1)]
    x.replace_by(y)
    assert not x.uses and add.operands == (y, y)


def test_fields_read_the_parts_they_declare(block):
    x, y = block.arguments
    op = Many.build(x, [y, y], [x], result_types=[f32, f64, f64], regions=[Region([Block()])])
    assert (op.first, op.middle, op.last) == (x, (y, y), (x,))
    assert op.one is op.results[0] and op.rest == tuple(op.results[1:])
    assert op.count.value == 7 and "count" not in op.attributes
    op.count = 9
    assert op.count.value == 9 and op.body is op.regions[0]


def test_a_wrong_number_of_operands_is_refused(block):
    with pytest.raises(TypeError, match="toy.add takes 2 operands, got 1"):
        Add.build(block.arguments[0])


def test_order_in_a_block_follows_the_edits(block):
    builder = Builder(block)
    x, _ = block.arguments
    a, c = builder.create(Add, x, x), builder.create(Add, x, x)
    b = Builder.before(c).create(Add, x, x)
    d = Builder.after(c).create(Add, x, x)
    assert list(block) == [a, b, c, d] and list(reversed(block)) == [d, c, b, a]
    b.erase()
    a.erase()
    d.erase()
    assert list(block) == [c] and block.first is block.last is c


def test_an_op_in_use_cannot_be_erased(block):
    builder = Builder(block)
    first = builder.value(Add, *block.arguments)
    builder.value(Add, first, first)
    with pytest.raises(ValueError, match="in use"):
        first.op.erase()


def test_copies_are_independent_and_keep_names_and_places(block):
    x, y = block.arguments
    inner = Block([f32])
    inner.arguments[0].name_hint = "a"
    Builder(inner).create(Yield, [Builder(inner).value(Add, inner.arguments[0], x)])
    op = Many.build(x, [y], [], result_types=[f32], regions=[Region([inner])], location=NameLocation("n04"))
    copy = op.clone()
    assert copy.location == op.location and copy.regions[0].block.arguments[0].name_hint == "a"
    copied = copy.regions[0].block.first
    assert copied.operands == (copy.regions[0].block.arguments[0], x)  # inside follows the copy, outside stays
    copy.drop()
    assert set(x.users) == {op, inner.first}


def test_a_graph_region_is_copied_with_its_uses_before_definitions():
    block = Block([f32])
    first = Add(block.arguments * 2, [f32])
    second = Add(block.arguments * 2, [f32])
    block.append(first)
    block.append(second)
    first.set_operand(1, second.result)
    target = Region()
    Region([block]).clone_into(target, {}, {})
    one, two = target.block
    assert one.operands[1] is two.result


class SwapArguments(Pattern):
    """y + x --> x + y, where x is the block's first argument."""

    root = Add

    def rewrite(self, op, rewriter):
        x, y = op.parent.arguments
        if op.operands != (y, x):
            return False
        rewriter.replace(op, [rewriter.value(Add, x, y)])
        return True


def test_patterns_apply_until_nothing_changes_and_the_dead_go(block):
    builder = Builder(block)
    x, y = block.arguments
    kept = builder.value(Add, y, x)
    builder.value(Add, kept, kept)  # dead
    builder.create(Yield, [kept])
    assert rewrite(_around(block), [SwapArguments()]) == 2
    assert [type(op) for op in block] == [Add, Yield] and block.first.operands == (x, y)


def _around(block):
    return Many([], [], regions=[Region([block])])
