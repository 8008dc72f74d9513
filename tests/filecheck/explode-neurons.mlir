// RUN: irc-opt %s -p explode-neurons --split-input-file --verify-diagnostics
// RUN: not irc-opt %s -p explode-neurons --split-input-file 2>&1 | filecheck %s

// Each row of a dag becomes a node with the same parameters, named by its label.
// CHECK-LABEL: neuron.net @dag
// CHECK-NEXT: %h = neuron.node relu(%x*w[2] + w[0])
// CHECK-NEXT: %y = neuron.node elu<2.0>(product(%x, %h*w[1]))
// CHECK-NEXT: neuron.output %y : f32
neuron.net @dag(%x: f32) -> f32 parameters 3 {
  %y = neuron.dag (%x) {biases = dense<[0, -1]> : tensor<2xi32>,
    kinds = [#array.kind<relu>, #array.kind<elu, 2.0, product>], labels = ["x", "h", "y"],
    offsets = dense<[0, 1, 3]> : tensor<3xi32>, outputs = dense<2> : tensor<1xi32>,
    segments = dense<[[0, 1, 0], [1, 2, 1]]> : tensor<2x3xi32>, sources = dense<[0, 0, 1]> : tensor<3xi32>,
    weights = dense<[2, -1, 1]> : tensor<3xi32>} : (f32) -> f32
  neuron.output %y : f32
}

// -----

// Vectors become their elements, among the net's arguments too; dense edges go by target, then source.
// CHECK-LABEL: neuron.net @layers(%s: f32, %x_0: f32, %x_1: f32) -> (f32, f32, f32) parameters 8
// CHECK-NEXT: %y_0 = neuron.node tanh(%x_0*w[2] + %x_1*w[3] + w[0])
// CHECK-NEXT: %y_1 = neuron.node tanh(%x_0*w[4] + %x_1*w[5] + w[1])
// CHECK-NEXT: %z_0 = neuron.node relu(%y_0*w[6])
// CHECK-NEXT: %z_1 = neuron.node relu(%y_1*w[7])
// CHECK-NEXT: neuron.output %s, %z_0, %z_1 : f32, f32, f32
neuron.net @layers(%s: f32, %x: tensor<2xf32>) -> (f32, tensor<2xf32>) parameters 8 {
  %y = neuron.layer tanh(%x*w[2:6] + w[0:2]) #neuron.dense<2, 2>
  %z = neuron.layer relu(%y*w[6:8]) #neuron.one_to_one<2>
  neuron.output %s, %z : f32, tensor<2xf32>
}

// -----

neuron.net @softmax(%x: tensor<2xf32>) -> tensor<2xf32> parameters 0 {
  // expected-error@+1 {{'neuron.layer' has no form as single neurons: softmax acts on a whole layer}}
  %y = neuron.layer softmax(%x) #neuron.one_to_one<2>
  neuron.output %y : tensor<2xf32>
}

// -----

// A convolution's shared weights are equal parameter indices; cells outside of the grid have no edges.
// CHECK-LABEL: neuron.net @convolution(
// CHECK-NEXT: %c_0 = neuron.node relu(%x_0*w[1] + %x_1*w[2] + w[3])
// CHECK-NEXT: %c_1 = neuron.node relu(%x_0*w[0] + %x_1*w[1] + %x_2*w[2] + w[3])
// CHECK-NEXT: %c_2 = neuron.node relu(%x_1*w[0] + %x_2*w[1] + w[3])
// CHECK-NEXT: %m_0 = neuron.node identity(max(%c_0, %c_1))
// CHECK-NEXT: %m_1 = neuron.node identity(max(%c_1, %c_2))
// CHECK-NEXT: neuron.output %m_0, %m_1 : f32, f32
neuron.net @convolution(%x: tensor<3xf32>) -> tensor<2xf32> parameters 4 {
  %c = neuron.layer relu(%x*w[0:3] + w[3:4]) #neuron.conv2d<1x1x3, 1, 1x3, padding 0x1>
  %m = neuron.layer identity(max(%c)) #neuron.pool2d<1x1x3, 1x2, stride 1x1>
  neuron.output %m : tensor<2xf32>
}
