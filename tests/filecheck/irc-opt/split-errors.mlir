// RUN: not irc-opt %s --split-input-file 2>&1 | filecheck %s

// A wrong part does not keep others from being read; lines are those of the file.
// CHECK: split-errors.mlir:[[# @LINE + 4]]:27: error:
// CHECK: split-errors.mlir:[[# @LINE + 11]]:22: error:
// CHECK: module {
// CHECK-NEXT: func.func private @right(f32)
func.func private @f(f32, unknown)

// -----

func.func private @right(f32)

// -----

func.func private @f(f3x)
