"""The arith dialect: MLIR's arithmetic, with MLIR's names, meaning and text, on numbers, vectors and tensors."""

from irc.dialects.arith import casts, compare, floats, integers
from irc.dialects.arith.attributes import NO_FASTMATH, NO_OVERFLOW, FastMathAttr, OverflowAttr
from irc.dialects.arith.casts import (
    Bitcast,
    ExtF,
    ExtSI,
    ExtUI,
    FPToSI,
    FPToUI,
    IndexCast,
    SIToFP,
    TruncF,
    TruncI,
    UIToFP,
)  # fmt: skip
from irc.dialects.arith.compare import FLOAT_PREDICATES, INTEGER_PREDICATES, CmpF, CmpI, Constant, Select
from irc.dialects.arith.floats import (
    AddF,
    DivF,
    MaximumF,
    MaxNumF,
    MinimumF,
    MinNumF,
    MulF,
    NegF,
    RemF,
    SubF,
)  # fmt: skip
from irc.dialects.arith.integers import (
    AddI,
    AndI,
    CeilDivSI,
    DivSI,
    DivUI,
    FloorDivSI,
    MaxSI,
    MaxUI,
    MinSI,
    MinUI,
    MulI,
    OrI,
    RemSI,
    RemUI,
    ShLI,
    ShRSI,
    ShRUI,
    SubI,
    XOrI,
)  # fmt: skip
from irc.ir.dialect import Dialect

DIALECT = Dialect(
    "arith",
    operations=(*compare.OPERATIONS, *floats.OPERATIONS, *integers.OPERATIONS, *casts.OPERATIONS),
    attributes=(FastMathAttr, OverflowAttr),
    doc=__doc__ or "",
)

__all__ = [
    "DIALECT", "FLOAT_PREDICATES", "INTEGER_PREDICATES", "NO_FASTMATH", "NO_OVERFLOW",
    "AddF", "AddI", "AndI", "Bitcast", "CeilDivSI", "CmpF", "CmpI", "Constant", "DivF", "DivSI", "DivUI",
    "ExtF", "ExtSI", "ExtUI", "FPToSI", "FPToUI", "FastMathAttr", "FloorDivSI", "IndexCast", "MaxNumF", "MaxSI",
    "MaxUI", "MaximumF", "MinNumF", "MinSI", "MinUI", "MinimumF", "MulF", "MulI", "NegF", "OrI", "OverflowAttr",
    "RemF", "RemSI", "RemUI", "SIToFP", "Select", "ShLI", "ShRSI", "ShRUI", "SubF", "SubI", "TruncF", "TruncI",
    "UIToFP", "XOrI",
]  # fmt: skip
