"""The passes: one file each, found by name as ``irc.passes.<name>``."""
