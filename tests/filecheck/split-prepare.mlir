// RUN: irc-opt %s -p 'lower-array{prepared=true},canonicalize,cse,dce,split-prepare,dce' --check --split-input-file | filecheck %s

// Weights are packed, and the function of the scales computed, beforehand; the product reads what is prepared.
// CHECK-LABEL: func.func @dense_prepare(
// CHECK-NEXT: %v: !loop.buffer<8 x 4 x f32> {irc.param = "v"}
// CHECK: {irc.output = 0 : i64}
// CHECK: {irc.output = 1 : i64}
// CHECK: math.exp
// CHECK-LABEL: func.func @dense_prepared(
// CHECK: irc.data = dense<0.000000e+00>
// CHECK: irc.prepare = "dense_prepare", irc.prepared_of = "dense"
// CHECK-NOT: math.exp
// CHECK: loop.load_tile %[[PACKED:prepared]][
// CHECK: func.return
func.func @dense(%x: tensor<B x 4 x f32>, %v: tensor<8x4xf32> {irc.param = "v"}, %s: tensor<8xf32> {irc.param = "s"})
    -> (tensor<B x 8 x f32>, tensor<8xf32>) {
  %y = array.contract "bi,oi->bo" %x, %v : tensor<B x 4 x f32>, tensor<8x4xf32>
  %e = math.exp %s : tensor<8xf32>
  %t = math.tanh %e : tensor<8xf32>
  func.return %y, %t : tensor<B x 8 x f32>, tensor<8xf32>
}

// -----

// What depends on the input as well stays, and so does what has a size of the call.
// CHECK-LABEL: func.func @stays(
// CHECK-NOT: @stays_prepare
func.func @stays(%x: tensor<B x 4 x f32>, %s: tensor<4xf32> {irc.param = "s"}) -> tensor<B x 4 x f32> {
  %b = array.broadcast %s dims [1] : tensor<4xf32> to tensor<B x 4 x f32>
  %e = math.exp %b : tensor<B x 4 x f32>
  %y = arith.mulf %x, %e : tensor<B x 4 x f32>
  func.return %y : tensor<B x 4 x f32>
}

// -----

// A function without parameters has nothing to prepare.
// CHECK-LABEL: func.func @none(
// CHECK-NOT: @none_prepare
func.func @none(%x: tensor<4xf32>) -> tensor<4xf32> {
  %e = math.exp %x : tensor<4xf32>
  %y = math.tanh %e : tensor<4xf32>
  func.return %y : tensor<4xf32>
}
