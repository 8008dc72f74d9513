"""The math dialect: MLIR's elementary functions of floats, on numbers, vectors and tensors."""

from irc.dialects.math import exponential, fma, power, rounding, waves
from irc.dialects.math.exponential import Exp, Exp2, ExpM1, Log, Log1P, Log2, Log10, RSqrt, Sqrt
from irc.dialects.math.fma import Fma
from irc.dialects.math.power import PowF
from irc.dialects.math.rounding import AbsF, Ceil, CopySign, Floor, Round, RoundEven, Trunc
from irc.dialects.math.waves import Cos, CosH, Erf, Sin, SinH, Tan, TanH
from irc.ir.dialect import Dialect

DIALECT = Dialect(
    "math",
    operations=(
        *exponential.OPERATIONS,
        *waves.OPERATIONS,
        *rounding.OPERATIONS,
        *power.OPERATIONS,
        *fma.OPERATIONS,
    ),
    doc=__doc__ or "",
)

__all__ = [
    "DIALECT", "AbsF", "Ceil", "CopySign", "Cos", "CosH", "Erf", "Exp", "Exp2", "ExpM1", "Floor", "Fma", "Log",
    "Log10", "Log1P", "Log2", "PowF", "RSqrt", "Round", "RoundEven", "Sin", "SinH", "Sqrt", "Tan", "TanH", "Trunc",
]  # fmt: skip
