// RUN: not irc-opt %s --split-input-file --verify-diagnostics 2>&1 | filecheck %s

// An error that is expected and does not come, one that comes unexpected, and one of another text or line.
// CHECK: fails.mlir:[[# @LINE + 1]]: expected error was not found: never
func.func private @missing() // expected-error {{never}}

// -----

// CHECK: fails.mlir:[[# @LINE + 1]]: unexpected error: 'func.return'
func.func @unexpected(%x: f32) { func.return %x : f32 }

// -----

// CHECK: fails.mlir:[[# @LINE + 2]]: expected error was not found: returns something else
// CHECK: fails.mlir:[[# @LINE + 1]]: unexpected error: 'func.return': returns (f32)
func.func @text(%x: f32) { func.return %x : f32 } // expected-error {{returns something else}}

// -----

// CHECK: fails.mlir:[[# @LINE + 2]]: expected error was not found: returns
// CHECK: fails.mlir:[[# @LINE + 2]]: unexpected error: 'func.return'
// expected-error@+0 {{returns}}
func.func @line(%x: f32) { func.return %x : f32 }
