// What shows neurons shows those of a net that a function only gives another shape, once, by the function's name and
// the names of its parameters. A net that a function does more with stands for itself.
// RUN: irc-opt %s --emit=fwd | filecheck %s --check-prefix=FWD
// RUN: irc-opt %s --emit=bwd | filecheck %s --check-prefix=BWD
// RUN: irc-opt %s -p explode-neurons --emit=fwd | filecheck %s --check-prefix=FWD

// FWD-NOT: w[
// FWD: = f_h_0( +x_0*"a[0]" +x_1*"a[1]" +b)
// FWD-NOT: a[0]
// FWD: = f_k( +y*w_y_k)
// FWD-NOT: a[0]

// BWD: # net grid: 2 inputs, 1 output, 3 parameters
// BWD-NOT: # net inner
// BWD: # net part: 1 input, 1 output, 1 parameter

neuron.net private @inner(%x: tensor<2xf32>) -> tensor<1xf32> parameters 3 {
  %h = neuron.layer tanh(%x*w[0:2] + w[2:3]) #neuron.dense<2, 1>
  neuron.output %h : tensor<1xf32>
}
func.func @grid(%x: tensor<B x 1 x 2 x f32>, %w: tensor<3xf32> {irc.param = "w", irc.tensors = [#neuron.tensor<"a", 0, [2], zero>, #neuron.tensor<"b", 2, [], zero>]}) -> tensor<B x 1 x 1 x f32> {
  %0 = array.reshape %x : tensor<B x 1 x 2 x f32> to tensor<B x 2 x f32>
  %1 = neuron.call @inner(%0, %w) : (tensor<B x 2 x f32>, tensor<3xf32>) -> tensor<B x 1 x f32>
  %2 = array.reshape %1 : tensor<B x 1 x f32> to tensor<B x 1 x 1 x f32>
  func.return %2 : tensor<B x 1 x 1 x f32>
}
neuron.net private @part(%y: f32) -> f32 parameters 1 {
  %k = neuron.node relu(%y*w[0])
  neuron.output %k : f32
}
func.func @more(%x: tensor<B x 1 x f32>, %w: tensor<1xf32> {irc.param = "w"}) -> tensor<B x 1 x f32> {
  %0 = arith.negf %x : tensor<B x 1 x f32>
  %1 = neuron.call @part(%0, %w) : (tensor<B x 1 x f32>, tensor<1xf32>) -> tensor<B x 1 x f32>
  func.return %1 : tensor<B x 1 x f32>
}
