// RUN: irc-opt %s -o %t | filecheck %s --check-prefix=NOTHING --allow-empty
// RUN: irc-opt %t --format=mlir | filecheck %s

// The result goes to the file; what goes to it is a module like any other.
// NOTHING-NOT: module
// CHECK: func.func private @f(f32)
func.func private @f(f32)
