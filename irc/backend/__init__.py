"""Loop level to LLVM IR text, and from there to native code."""
