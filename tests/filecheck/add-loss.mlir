// RUN: irc-opt %s -p 'add-loss{loss=huber;2.0}' --check | filecheck %s
// RUN: irc-opt %s -p add-loss | filecheck %s --check-prefix=OWN
// RUN: irc-opt %s -p 'add-loss{of=f},autodiff{of=f_loss wrt=params}' --check-grad | filecheck %s --check-prefix=GRAD

// The target comes behind the inputs, before parameters and bound data; the loss of a batch is the mean of its rows.
// CHECK-LABEL: func.func @f_loss(
// CHECK-SAME: %x: tensor<B x 2 x f32>, %target: tensor<B x 2 x f32>, %w: tensor<2xf32> {irc.param = "w"}) -> tensor<f32>
// CHECK-SAME: irc.loss = ["huber", 2.000000e+00
// CHECK: %y = func.call @f(%w, %x)
// CHECK: %row_losses = array.reduce sum %{{.*}} dims [1]
// CHECK: array.size "B"
// CHECK: %loss = arith.divf
// Without the option it is what the function says.
// OWN-LABEL: func.func @f_loss(
// OWN: arith.mulf
// OWN-NOT: arith.select
// OWN: func.return
// GRAD: func.func @f_loss_vjp(
// GRAD: irc.wrt = [2 : i64]
func.func @f(%w: tensor<2xf32> {irc.param = "w"}, %x: tensor<B x 2 x f32>) -> tensor<B x 2 x f32>
    attributes {irc.loss = ["mse"]} {
  %0 = array.broadcast %w dims [1] : tensor<2xf32> to tensor<B x 2 x f32>
  %y = arith.mulf %0, %x : tensor<B x 2 x f32>
  func.return %y : tensor<B x 2 x f32>
}

// Rows are all dimensions but the last.
// CHECK-LABEL: func.func @steps_loss(
// CHECK: array.reshape %{{.*}} : tensor<T x B x 3 x f32> to tensor<B*T x 3 x f32>
// CHECK: array.size "B*T"
func.func @steps(%x: tensor<T x B x 3 x f32>) -> tensor<T x B x 3 x f32> attributes {irc.loss = ["mae"]} {
  func.return %x : tensor<T x B x 3 x f32>
}
