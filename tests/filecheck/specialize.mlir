// RUN: irc-opt %s -p specialize | filecheck %s
// RUN: irc-opt %s -p 'specialize{symbols=B=32;T=2}' | filecheck %s --check-prefix=BOUND

// Without options, what the function itself binds becomes a number; other sizes stay free.
// CHECK-LABEL: func.func @types(%x: tensor<B x 4 x f32>) -> tensor<B x 8 x f32> {
// CHECK-NEXT: array.broadcast %x dims [0, 1] : tensor<B x 4 x f32> to tensor<B x 4 x 2 x f32>
// BOUND-LABEL: func.func @types(%x: tensor<32x4xf32>) -> tensor<32x8xf32> {
func.func @types(%x: tensor<B x I x f32>) -> tensor<B x 2*I x f32> attributes {irc.symbols = {I = 4 : i64}} {
  %y = array.broadcast %x dims [0, 1] : tensor<B x I x f32> to tensor<B x I x 2 x f32>
  %z = array.reshape %y : tensor<B x I x 2 x f32> to tensor<B x 2*I x f32>
  func.return %z : tensor<B x 2*I x f32>
}

// Attributes that hold sizes follow the types.
// CHECK-LABEL: func.func @attributes
// CHECK: array.slice %x offsets ["T"]
// BOUND-LABEL: func.func @attributes
// BOUND-NEXT: array.size "64" : index
// BOUND-NEXT: array.slice %x offsets [2] : tensor<34xf32> to tensor<32xf32>
// BOUND-NEXT: array.pad %y low [2] high [0] : tensor<32xf32>
func.func @attributes(%x: tensor<B + T x f32>, %u: tensor<T x f32>) -> (index, tensor<B + T x f32>) {
  %n = array.size "B*T" : index
  %y = array.slice %x offsets ["T"] : tensor<B + T x f32> to tensor<B x f32>
  %z = array.pad %y low ["T"] high [0] : tensor<B x f32>
  func.return %n, %z : index, tensor<B + T x f32>
}

// The types of calls and of functions that are called agree afterwards too.
// BOUND-LABEL: func.func @caller
// BOUND: func.call @types(%x) : (tensor<32x4xf32>) -> tensor<32x8xf32>
func.func @caller(%x: tensor<B x I x f32>) -> tensor<B x 2*I x f32> attributes {irc.symbols = {I = 4 : i64}} {
  %y = func.call @types(%x) : (tensor<B x I x f32>) -> tensor<B x 2*I x f32>
  func.return %y : tensor<B x 2*I x f32>
}
