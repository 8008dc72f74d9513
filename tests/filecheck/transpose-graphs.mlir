// RUN: irc-opt %s -p 'group-neurons,lower-neuron,autodiff,transpose-graphs' | filecheck %s

// The edges by source are three more bound arguments of the gradient, made from the edges by target.
// CHECK-LABEL: func.func @sums(
// CHECK-NOT: %out_first
// CHECK-LABEL: func.func @sums_vjp(
// CHECK: %out_first: tensor<I + R + 1 x i32> {irc.data = dense<[0, 2, 3, 4, 4]> : tensor<5xi32>, irc.derived = ["offsets", "sources", "weights", 0 : i64]}
// CHECK-NEXT: %out_targets: tensor<E x i32> {irc.data = dense<[2, 3, 2, 3]> : tensor<4xi32>
// CHECK-NEXT: %out_weights: tensor<E x i32> {irc.data = dense<[0, 2, 1, 3]> : tensor<4xi32>
// CHECK: array.dag_grad {{.*}}, %dy, %out_first, %out_targets, %out_weights kinds
neuron.net @sums(%a: f32, %b: f32) -> f32 parameters 4 {
  %c = neuron.node tanh(%a*w[0] + %b*w[1])
  %d = neuron.node tanh(%a*w[2] + %c*w[3])
  neuron.output %d : f32
}

// In a product the gradient of a term depends on the other terms too: such a graph stays as it is.
// CHECK-LABEL: func.func @product_vjp(
// CHECK-NOT: %out_first
// CHECK: array.dag_grad {{.*}}, %dy kinds
neuron.net @product(%a: f32, %b: f32) -> f32 parameters 2 {
  %c = neuron.node tanh(product(%a*w[0], %b*w[1]))
  neuron.output %c : f32
}
