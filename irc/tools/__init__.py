"""The commands: ``irc-opt`` and ``irc``."""
