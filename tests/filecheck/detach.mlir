// RUN: irc-opt %s -p autodiff | filecheck %s
// RUN: irc-opt %s -p lower-array | filecheck %s --check-prefix=LOOP
// RUN: irc-opt %s -p autodiff,lower-array --check | filecheck %s --check-prefix=LOOP

// No gradient goes through array.detach: that of %s is 0.
// CHECK-LABEL: func.func @scaled_vjp
// CHECK: %fixed = array.detach %s : tensor<4xf32>
// CHECK-NEXT: %y = arith.mulf %x, %fixed : tensor<4xf32>
// CHECK-NEXT: %dx = arith.mulf %dy, %fixed : tensor<4xf32>
// CHECK-NEXT: %[[ZERO:.*]] = array.full 0.000000e+00 : f32 to tensor<4xf32>
// CHECK-NEXT: func.return %y, %dx, %[[ZERO]]

// It becomes a copy.
// LOOP-LABEL: func.func @scaled(
// LOOP: %[[VALUE:.*]] = loop.load %s[%[[I:.*]]]
// LOOP-NEXT: loop.store %[[VALUE]], %fixed[%[[I]]]
func.func @scaled(%x: tensor<4xf32>, %s: tensor<4xf32>) -> tensor<4xf32> {
  %fixed = array.detach %s : tensor<4xf32>
  %y = arith.mulf %x, %fixed : tensor<4xf32>
  func.return %y : tensor<4xf32>
}
