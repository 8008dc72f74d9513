// RUN: irc-opt %s -p time-kernels --check --stats 2>&1 | filecheck %s
// RUN: irc-opt %s -p 'time-kernels,lower-array,plan-memory' | filecheck %s --check-prefix=LOOPS
// RUN: irc-opt %s -p 'time-kernels,lower-array,plan-memory' --emit=asm --target=avx2 | filecheck %s --check-prefix=X86
// RUN: irc-opt %s -p 'time-kernels,lower-array,plan-memory' --emit=asm --target=neon | filecheck %s --check-prefix=ARM

// Two readings before the first kernel, one behind each; constants are no kernels. The results come last.
// CHECK: time-kernels: 25 ops; kernels timed: 3
// CHECK: func.func @two(
// CHECK-SAME: -> (tensor<B x f32>, i64, i64, i64, i64) {
// CHECK-NEXT: arith.constant
// CHECK-NEXT: %[[A:.*]] = loop.clock : i64
// CHECK-NEXT: %[[B:.*]] = loop.clock : i64
// CHECK-NEXT: array.fused
// CHECK: %[[C:.*]] = loop.clock : i64
// CHECK-NEXT: array.reduce
// CHECK-NEXT: %[[D:.*]] = loop.clock : i64
// CHECK-NEXT: func.return %{{.*}}, %[[A]], %[[B]], %[[C]], %[[D]] : tensor<B x f32>, i64, i64, i64, i64

// Loops stay between the readings that they stood between.
// LOOPS-LABEL: func.func @two
// LOOPS-COUNT-2: loop.clock : i64
// LOOPS: loop.for
// LOOPS: loop.clock : i64
// LOOPS: loop.for
// LOOPS: loop.clock : i64
// LOOPS-NOT: loop.for
// LOOPS: func.func @none

// The counter of x86 is read when what stands before it is done.
// X86-LABEL: irc.two:
// X86: lfence
// X86-NEXT: rdtsc
// ARM-LABEL: irc.two:
// ARM: isb
// ARM-NEXT: mrs {{.*}}, {{CNTVCT_EL0|cntvct_el0}}
func.func @two(%x: tensor<B x 4 x f32>) -> tensor<B x f32> {
  %c = arith.constant 2.0 : f32
  %0 = array.fused(%a = %x : tensor<B x 4 x f32>, %b = %c : f32) -> tensor<B x 4 x f32> {
    %2 = array.broadcast %b dims [] : f32 to tensor<B x 4 x f32>
    %1 = arith.mulf %a, %2 : tensor<B x 4 x f32>
    array.yield %1 : tensor<B x 4 x f32>
  }
  %3 = array.reduce sum %0 dims [1] : tensor<B x 4 x f32>
  func.return %3 : tensor<B x f32>
}

// Without a kernel there is nothing between the readings. What is private is not timed by itself, but where it is called.
// CHECK: func.func @none(
// CHECK-SAME: -> (tensor<4xf32>, i64, i64) {
// CHECK-NEXT: loop.clock
// CHECK-NEXT: loop.clock
// CHECK-NEXT: func.return
// CHECK: func.func private @inner(%x: tensor<4xf32>) -> tensor<4xf32>
// CHECK-NOT: loop.clock
// CHECK: func.func @outer(
// CHECK-COUNT-2: loop.clock : i64
// CHECK-NEXT: func.call @inner
// CHECK-NEXT: loop.clock : i64
func.func @none(%x: tensor<4xf32>) -> tensor<4xf32> {
  func.return %x : tensor<4xf32>
}
func.func private @inner(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = math.exp %x : tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
func.func @outer(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = func.call @inner(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
