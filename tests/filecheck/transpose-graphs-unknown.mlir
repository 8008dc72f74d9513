// RUN: irc-opt %s -p transpose-graphs | filecheck %s

// The number of neurons is not known: nothing can be made.
// CHECK-LABEL: func.func @unknown
// CHECK-NOT: %out_first
func.func @unknown(%x: tensor<B x I x f32>, %w: tensor<P x f32>, %offsets: tensor<3 x i32> {irc.data = dense<[0, 1, 3]> : tensor<3xi32>}, %sources: tensor<3 x i32> {irc.data = dense<[0, 0, 1]> : tensor<3xi32>}, %weights: tensor<3 x i32> {irc.data = dense<[0, 1, -1]> : tensor<3xi32>}, %biases: tensor<2 x i32>, %segments: tensor<S x 3 x i32>, %outputs: tensor<O x i32>, %dy: tensor<B x O x f32>) -> tensor<B x I x f32> {
  %y, %dx, %dw = array.dag_grad %x, %w, %offsets, %sources, %weights, %biases, %segments, %outputs, %dy kinds [#array.kind<relu, sum>] : tensor<B x I x f32>, tensor<P x f32>, tensor<3 x i32>, tensor<3 x i32>, tensor<3 x i32>, tensor<2 x i32>, tensor<S x 3 x i32>, tensor<O x i32>, tensor<B x O x f32>
  func.return %dx : tensor<B x I x f32>
}
