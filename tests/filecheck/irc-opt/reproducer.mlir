// RUN: not irc-opt %s -p 'cse,autodiff{of=nobody},canonicalize' --reproducer=%t 2>&1 | filecheck %s
// RUN: filecheck %s --input-file=%t --check-prefix=FILE
// RUN: not irc-opt %s -p 'autodiff{of=nobody}' --mlir-pass-pipeline-crash-reproducer=%t 2>&1 | filecheck %s
// RUN: irc-opt %t --format=mlir | filecheck %s --check-prefix=MODULE

// The module before the pass that fails, with the passes that are left, is a test that fails alike.
// CHECK: error: {{.*}}nobody
// FILE: irc-opt {{%s}} -p 'autodiff{of=nobody},canonicalize' --check
// FILE-NEXT: "builtin.module"() ({
// FILE: "math.exp"
// FILE-NOT: "math.exp"
// MODULE: func.func @f
func.func @f(%x: f32) -> (f32, f32) {
  %a = math.exp %x : f32
  %b = math.exp %x : f32
  func.return %a, %b : f32, f32
}
