// RUN: irc-opt %s -p "specialize{symbols=B=1 bound=false}" | filecheck %s

// One batch, any graph: the sizes that irc.symbols binds stay symbols, and stay bound.
// CHECK-LABEL: func.func @f(%x: tensor<1 x I x f32>) -> tensor<I x f32> attributes {irc.symbols = {I = 4 : i64}} {
func.func @f(%x: tensor<B x I x f32>) -> tensor<I x f32> attributes {irc.symbols = {I = 4 : i64}} {
  %s = array.reduce sum %x dims [0] : tensor<B x I x f32>
  func.return %s : tensor<I x f32>
}
