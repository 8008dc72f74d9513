// RUN: irc-opt %s -p canonicalize,cse --dump-after=canonicalize --dump-before=cse 2>&1 | filecheck %s
// RUN: irc-opt %s -p canonicalize,cse --mlir-print-ir-after=canonicalize --mlir-print-ir-before=cse 2>&1 | filecheck %s
// RUN: irc-opt %s -p canonicalize,cse --dump-after=canonicalize | filecheck %s --check-prefix=OUT
// RUN: irc-opt %s --dump-after=cse | filecheck %s --check-prefix=DEFAULT
// RUN: irc-opt %s -p canonicalize,cse --dump-all 2>&1 | filecheck %s --check-prefix=ALL
// RUN: irc-opt %s -p canonicalize,cse --mlir-print-ir-after-all 2>&1 | filecheck %s --check-prefix=ALL
// RUN: irc-opt %s -p canonicalize,cse --mlir-print-ir-before-all 2>&1 | filecheck %s --check-prefix=BEFORE
// RUN: irc-opt %s --dump-all | filecheck %s --check-prefix=TRAINING
// RUN: irc-opt %s -p cse --dump-after=cse --print-generic 2>&1 | filecheck %s --check-prefix=GENERIC

// The module, after and before the passes that are named, in the order of the pipeline; the result comes last.
// CHECK: // -----// IR after canonicalize //-----
// CHECK-NEXT: module {
// CHECK-NEXT: func.func @f
// CHECK-NEXT: %y = arith.addf
// CHECK-NEXT: %z = arith.addf
// CHECK: // -----// IR before cse //-----
// CHECK-NEXT: module {
// CHECK-NOT: -----//
// CHECK: module {
// CHECK-NEXT: func.func @f
// CHECK-NEXT: %y = arith.addf
// CHECK-NEXT: %w = arith.mulf %y, %y

// With -p dumps go to standard error, so that the output is a module that can be read again.
// OUT-NOT: -----//
// OUT: module {
// OUT-NOT: module {

// Without -p they are the output: the default pipeline as far as the last pass that is named, each time it runs.
// DEFAULT: // -----// IR after cse //-----
// DEFAULT: // -----// IR after cse //-----
// DEFAULT: // -----// IR after cse //-----
// DEFAULT: // -----// IR after cse //-----
// DEFAULT: // -----// IR after cse //-----
// DEFAULT-NOT: -----//
// DEFAULT: func.func @f_vjp
// DEFAULT-NOT: -----//

// After every pass, or before every pass.
// ALL: // -----// IR after canonicalize //-----
// ALL: // -----// IR after cse //-----
// ALL-NOT: -----//
// BEFORE: // -----// IR before canonicalize //-----
// BEFORE: // -----// IR before cse //-----
// BEFORE-NOT: -----//

// The levels in their order: array, derivative, fused, loops, vectors, memory.
// TRAINING: // -----// IR after lower-neuron //-----
// TRAINING: // -----// IR after autodiff //-----
// TRAINING: // -----// IR after fuse //-----
// TRAINING: // -----// IR after lower-array //-----
// TRAINING: // -----// IR after vectorize //-----
// TRAINING: // -----// IR after plan-memory //-----
// TRAINING: loop.store

// Dumps take the form that is asked for.
// GENERIC: // -----// IR after cse //-----
// GENERIC-NEXT: "builtin.module"() ({
func.func @f(%x: tensor<B x f32>) -> tensor<B x f32> {
  %y = arith.addf %x, %x : tensor<B x f32>
  %z = arith.addf %x, %x : tensor<B x f32>
  %w = arith.mulf %y, %z : tensor<B x f32>
  func.return %w : tensor<B x f32>
}
