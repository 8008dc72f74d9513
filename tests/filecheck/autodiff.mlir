// RUN: irc-opt %s -p autodiff | filecheck %s
// RUN: irc-opt %s -p 'autodiff{of=second},autodiff{of=second_vjp}' | filecheck %s --check-prefix=TWICE

// One cotangent for each float result, one gradient for each float argument; uses of a value add up.
// CHECK-LABEL: func.func @square_plus(
// CHECK-LABEL: func.func @square_plus_vjp(%x: f32, %y: f32, %n: i32, %dz: f32) -> (f32, i32, f32, f32)
// CHECK-SAME: irc.vjp_of = "square_plus", irc.wrt = [0 : i64, 1 : i64]
// CHECK: %[[DX:.*]] = arith.mulf %dz, %x : f32
// CHECK: %[[DX2:.*]] = arith.mulf %dz, %x : f32
// CHECK: %[[SUM:.*]] = arith.addf %[[DX]], %[[DX2]] : f32
// CHECK-NEXT: func.return %z, %n, %[[SUM]], %dz : f32, i32, f32, f32
func.func @square_plus(%x: f32, %y: f32, %n: i32) -> (f32, i32) {
  %p = arith.mulf %x, %x : f32
  %z = arith.addf %p, %y : f32
  func.return %z, %n : f32, i32
}

// Nothing but arguments: gradients of bound data are not computed, those of parameters are.
// CHECK-LABEL: func.func @bound_vjp(
// CHECK: %dy: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>)
// CHECK-SAME: irc.wrt = [0 : i64]
func.func @bound(%w: tensor<2xf32> {irc.param = "w"}, %d: tensor<2xf32> {irc.data = dense<[1.0, 2.0]> : tensor<2xf32>}) -> tensor<2xf32> {
  %y = arith.mulf %w, %d : tensor<2xf32>
  func.return %y : tensor<2xf32>
}

// A call becomes a call of the derivative, which gives the value as well, so that the first call is not needed.
// CHECK-LABEL: func.func private @callee_vjp(
// CHECK-LABEL: func.func @caller_vjp(
// CHECK-NEXT: %[[Y:.*]], %[[DX3:.*]] = func.call @callee_vjp(%x, %dy)
// CHECK-NEXT: func.return %[[Y]], %[[DX3]] : tensor<B x f32>, tensor<B x f32>
func.func private @callee(%x: tensor<B x f32>) -> tensor<B x f32> {
  %y = math.exp %x : tensor<B x f32>
  func.return %y : tensor<B x f32>
}
func.func @caller(%x: tensor<B x f32>) -> tensor<B x f32> {
  %y = func.call @callee(%x) : (tensor<B x f32>) -> tensor<B x f32>
  func.return %y : tensor<B x f32>
}

// The gradients of a contraction are contractions.
// CHECK-LABEL: func.func @dense_vjp(
// CHECK: %dx = array.contract "bo,oi->bi" %dy, %w
// CHECK: %dw = array.contract "bo,bi->oi" %dy, %x
func.func @dense(%x: tensor<B x 4 x f32>, %w: tensor<3x4xf32>) -> tensor<B x 3 x f32> {
  %y = array.contract "bi,oi->bo" %x, %w : tensor<B x 4 x f32>, tensor<3x4xf32>
  func.return %y : tensor<B x 3 x f32>
}

// An argument that does not matter has the gradient zero.
// CHECK-LABEL: func.func @constant_vjp(
// CHECK: %[[ZERO:.*]] = array.full 0.000000e+00 : f32 to tensor<B x f32>
// CHECK: func.return %c, %[[ZERO]] :
func.func @constant(%x: tensor<B x f32>) -> tensor<B x f32> {
  %c = array.full 2.0 : f32 to tensor<B x f32>
  func.return %c : tensor<B x f32>
}

// The gradients of parts of a vector are joined, with zeros between them; they are not added. What overlaps is added.
// CHECK-LABEL: func.func @parts_vjp(
// CHECK: %[[ZEROS:.*]] = array.full 0.000000e+00 : f32 to tensor<1xf32>
// CHECK: %[[JOINED:.*]] = array.concat %{{.*}}, %[[ZEROS]], %{{.*}} axis 0 : tensor<2xf32>, tensor<1xf32>, tensor<3xf32>
// CHECK: arith.addf %[[JOINED]], %{{.*}} : tensor<6xf32>
func.func @parts(%w: tensor<6xf32>) -> (tensor<2xf32>, tensor<3xf32>, tensor<2xf32>) {
  %a = array.slice %w offsets [0] : tensor<6xf32> to tensor<2xf32>
  %b = array.slice %w offsets [3] : tensor<6xf32> to tensor<3xf32>
  %c = array.slice %w offsets [1] : tensor<6xf32> to tensor<2xf32>
  func.return %a, %b, %c : tensor<2xf32>, tensor<3xf32>, tensor<2xf32>
}

// A derivative can be differentiated again.
// TWICE: func.func @second_vjp_vjp(
// TWICE-SAME: irc.vjp_of = "second_vjp"
func.func @second(%x: f32) -> f32 {
  %y = math.sin %x : f32
  func.return %y : f32
}
