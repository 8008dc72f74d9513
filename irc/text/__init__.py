"""The textual form of the IR: lexer, parser, printer."""
