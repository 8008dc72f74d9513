"""``array.contract``: see ``elements``."""

from irc.passes.lower_array.contraction.elements import lower_contract

__all__ = ["lower_contract"]
