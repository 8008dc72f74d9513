// RUN: irc-opt %s | filecheck %s
// RUN: irc-opt %s --print-generic | irc-opt - | filecheck %s
// RUN: irc-opt %s --print-generic | filecheck %s --check-prefix=GENERIC

// Every op of the dialect reads back from both forms.

// A neuron is its equation: terms with parameter numbers (none: weight 1), then the bias.
// CHECK: neuron.net @nodes(%a: f32, %b: f32) -> (f32, f32) parameters 4 {
// GENERIC: "neuron.node"(%a, %b) <{activation = "relu", bias = 3 : i64, weights = array<i64: 0, -1>}> : (f32, f32) -> f32
neuron.net @nodes(%a: f32, %b: f32) -> (f32, f32) parameters 4 {
  // CHECK-NEXT: %c = neuron.node relu(%a*w[0] + %b + w[3])
  %c = neuron.node relu(%a*w[0] + %b + w[3])
  // CHECK-NEXT: %d = neuron.node relu_leaky<0.1>(max(%a*w[1], %c*w[2]))
  %d = neuron.node relu_leaky<0.1>(max(%a*w[1], %c*w[2]))
  // CHECK-NEXT: %e = neuron.node sigmoid()
  %e = neuron.node sigmoid()
  // CHECK-NEXT: %f = neuron.node identity(product(%d, %e, %e) + w[3])
  %f = neuron.node identity(product(%d, %e, %e) + w[3])
  // CHECK-NEXT: %g = neuron.node tanh(mean(%f, %b))
  %g = neuron.node tanh(mean(%f, %b))
  // CHECK-NEXT: neuron.output %c, %g : f32, f32
  neuron.output %c, %g : f32, f32
}

// Numbers other than f32 are told.
// CHECK: neuron.net @double(%a: f64) -> f64 parameters 1 {
// GENERIC: "neuron.node"(%a) <{activation = "elu", parameter = 2.000000e+00 : f64, weights = array<i64: 0>}> : (f64) -> f64
neuron.net @double(%a: f64) -> f64 parameters 1 {
  // CHECK-NEXT: %b = neuron.node elu<2.0>(%a*w[0]) : f64
  %b = neuron.node elu<2.0>(%a*w[0]) : f64
  neuron.output %b : f64
}

// The order of the neurons means nothing, as long as there is no cycle.
// CHECK-LABEL: neuron.net @order
neuron.net @order(%a: f32) -> f32 parameters 0 {
  // CHECK-NEXT: %b = neuron.node relu(%c)
  %b = neuron.node relu(%c)
  // CHECK-NEXT: %c = neuron.node relu(%a)
  %c = neuron.node relu(%a)
  neuron.output %b : f32
}

// Layers: all parameters in a row; without weights they are 1.
// CHECK-LABEL: neuron.net @layers
// GENERIC: "neuron.layer"(%x) <{activation = "tanh", edges = #neuron.dense<2, 3>, first_bias = 6 : i64, first_weight = 0 : i64}>
neuron.net @layers(%x: tensor<2xf32>) -> tensor<3xf32> parameters 9 {
  // CHECK-NEXT: %h = neuron.layer tanh(%x*w[0:6] + w[6:9]) #neuron.dense<2, 3>
  %h = neuron.layer tanh(%x*w[0:6] + w[6:9]) #neuron.dense<2, 3>
  // CHECK-NEXT: %y = neuron.layer softmax(%h) #neuron.one_to_one<3>
  %y = neuron.layer softmax(%h) #neuron.one_to_one<3>
  neuron.output %y : tensor<3xf32>
}

// The graph as data. Names of parameters and start values belong to the net.
// CHECK: neuron.net @dag(%x: tensor<2xf32>) -> f32 parameters 2 attributes {
// CHECK-SAME: initial = dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
// CHECK-SAME: names = ["u", "v"]
// CHECK-NEXT: %y = neuron.dag (%x) {
// CHECK-SAME: kinds = [#array.kind<relu, sum>]
// CHECK-SAME: : (tensor<2xf32>) -> f32
// GENERIC: "neuron.dag"(%x) <{biases = dense<-1> : tensor<1xi32>, kinds = [#array.kind<relu, sum>]
neuron.net @dag(%x: tensor<2xf32>) -> f32 parameters 2 attributes {
    names = ["u", "v"], initial = dense<[1.0, 2.0]> : tensor<2xf32>} {
  %y = neuron.dag (%x) {biases = dense<-1> : tensor<1xi32>, kinds = [#array.kind<relu>],
    offsets = dense<[0, 2]> : tensor<2xi32>, outputs = dense<2> : tensor<1xi32>,
    segments = dense<[[0, 1, 0]]> : tensor<1x3xi32>, sources = dense<[0, 1]> : tensor<2xi32>,
    weights = dense<[0, 1]> : tensor<2xi32>} : (tensor<2xf32>) -> f32
  neuron.output %y : f32
}

// Parts of the parameter vector with names and shapes; initialisers have all their numbers. Both forms are read.
// CHECK-LABEL: neuron.net @tensors
// CHECK-SAME: parameters 9 tensors (#neuron.tensor<"h.weight", 0, [2, 3], normal<0.0, 0.5>>, #neuron.tensor<"h.bias", 6, [2]>) {
// GENERIC: tensors = [#neuron.tensor<"h.weight", 0, [2, 3], normal<0.0, 0.5>>, #neuron.tensor<"h.bias", 6, [2]>]
neuron.net @tensors(%x: tensor<3xf32>) -> tensor<2xf32> parameters 9
    tensors (#neuron.tensor<"h.weight", 0, [2, 3], normal<0.0, 0.5>>, #neuron.tensor<"h.bias", 6, [2]>) {
  %h = neuron.layer tanh(%x*w[0:6] + w[6:8]) #neuron.dense<3, 2>
  neuron.output %h : tensor<2xf32>
}
// CHECK-LABEL: neuron.net @one_tensor
// CHECK-SAME: parameters 1 tensors (#neuron.tensor<"a b\22", 0, [], const_flat<1.0>>) {
neuron.net @one_tensor(%x: f32) -> f32 parameters 1 attributes {tensors = [#neuron.tensor<"a b\22", 0, [], const_flat<1>>]} {
  %h = neuron.node tanh(%x*w[0])
  neuron.output %h : f32
}

// Neurons by number: vectors from single ones and from others' elements.
// CHECK-LABEL: neuron.net @gather
// GENERIC: "neuron.gather"(%a, %h) <{indices = dense<[0, 3, 1]> : tensor<3xi32>}> : (f32, tensor<4xf32>) -> (tensor<2xf32>, f32)
neuron.net @gather(%a: f32, %h: tensor<4xf32>) -> (tensor<2xf32>, f32) parameters 0 {
  // CHECK-NEXT: %t, %b = neuron.gather (%a, %h) {indices = dense<[0, 3, 1]> : tensor<3xi32>} : (f32, tensor<4xf32>) -> (tensor<2xf32>, f32)
  %t, %b = neuron.gather (%a, %h) {indices = dense<[0, 3, 1]> : tensor<3xi32>} : (f32, tensor<4xf32>) -> (tensor<2xf32>, f32)
  neuron.output %t, %b : tensor<2xf32>, f32
}

// What gradients are made of.
// CHECK-LABEL: neuron.net private @gradients
// GENERIC: "neuron.delta"(%z, %d, %a) <{activation = "relu", weights = array<i64: 0, -1>}> : (f32, f32, f32) -> f32
// GENERIC: "neuron.share"(%a, %z, %d) <{aggregation = "product", index = 1 : i64, weights = array<i64: -1, 1, -1>}>
neuron.net private @gradients(%a: f32, %z: f32, %d: f32) -> (f32, f32) parameters 2 {
  // CHECK-NEXT: %e = neuron.delta relu(%z; %d*w[0] + %a)
  %e = neuron.delta relu(%z; %d*w[0] + %a)
  // CHECK-NEXT: %s = neuron.share product[1](%a, %z*w[1], %d)
  %s = neuron.share product[1](%a, %z*w[1], %d)
  // CHECK-NEXT: %m = neuron.merge multiply %e, %s : f32
  %m = neuron.merge multiply %e, %s : f32
  // CHECK-NEXT: %n = neuron.merge add %m, %s, %e : f32
  %n = neuron.merge add %m, %s, %e : f32
  neuron.output %n, %m : f32, f32
}

// For a batch, a net is called like a function of matrices, with its parameters.
// CHECK-LABEL: func.func @call
// GENERIC: "neuron.call"(%x, %w) <{callee = @nodes}>
func.func @call(%x: tensor<B x 2 x f32>, %w: tensor<4xf32>) -> tensor<B x 2 x f32> {
  // CHECK-NEXT: %y = neuron.call @nodes(%x, %w) : (tensor<B x 2 x f32>, tensor<4xf32>) -> tensor<B x 2 x f32>
  %y = neuron.call @nodes(%x, %w) : (tensor<B x 2 x f32>, tensor<4xf32>) -> tensor<B x 2 x f32>
  func.return %y : tensor<B x 2 x f32>
}

// A value of the step before may stand before what it delays, and is the way round a cycle.
// CHECK-LABEL: neuron.net @delays
// GENERIC: "neuron.delay"(%h) : (tensor<2xf32>) -> tensor<2xf32>
neuron.net @delays(%x: tensor<2xf32>) -> tensor<2xf32> parameters 0 {
  // CHECK-NEXT: %d = neuron.delay %h : tensor<2xf32>
  %d = neuron.delay %h : tensor<2xf32>
  // CHECK-NEXT: %e = neuron.delay %h {initial = 5.000000e-01 : f64} : tensor<2xf32>
  %e = neuron.delay %h {initial = 0.5 : f64} : tensor<2xf32>
  %h = neuron.merge add %x, %d, %e : tensor<2xf32>
  neuron.output %h : tensor<2xf32>
}

// A net with delays is called over time, with its state.
// CHECK-LABEL: func.func @call_over_time
func.func @call_over_time(%x: tensor<T x 3 x 2 x f32>, %w: tensor<0xf32>, %s: tensor<3x4xf32>) -> tensor<T x 3 x 2 x f32> {
  // CHECK-NEXT: %y, %t = neuron.call @delays(%x, %w, %s) : (tensor<T x 3 x 2 x f32>, tensor<0xf32>, tensor<3x4xf32>) -> (tensor<T x 3 x 2 x f32>, tensor<3x4xf32>)
  %y, %t = neuron.call @delays(%x, %w, %s) : (tensor<T x 3 x 2 x f32>, tensor<0xf32>, tensor<3x4xf32>) -> (tensor<T x 3 x 2 x f32>, tensor<3x4xf32>)
  func.return %y : tensor<T x 3 x 2 x f32>
}

// Layers on grids say what is not as usual. Convolutions share weights along the grid and have a bias for each filter;
// poolings have neither.
// CHECK-LABEL: neuron.net @grids
// GENERIC: "neuron.layer"({{.*}}) <{activation = "relu", edges = #neuron.conv2d<1x6x6, 2, 3x3>, first_bias = 18 : i64, first_weight = 0 : i64}>
// GENERIC: "neuron.layer"({{.*}}) <{activation = "identity", aggregation = "max", edges = #neuron.pool2d<2x4x4, 2x2>}>
neuron.net @grids(%x: tensor<36xf32>) -> tensor<25xf32> parameters 30 {
  // CHECK-NEXT: %a = neuron.layer relu(%x*w[0:18] + w[18:20]) #neuron.conv2d<1x6x6, 2, 3x3>
  %a = neuron.layer relu(%x*w[0:18] + w[18:20]) #neuron.conv2d<1x6x6, 2, 3x3, stride 1x1, padding 0x0, dilation 1x1, groups 1>
  // CHECK-NEXT: %b = neuron.layer identity(max(%a)) #neuron.pool2d<2x4x4, 2x2>
  %b = neuron.layer identity(max(%a)) #neuron.pool2d<2x4x4, 2x2, stride 2x2>
  // CHECK-NEXT: %c = neuron.layer tanh(mean(%b)) #neuron.pool2d<2x2x2, 2x2, stride 1x1, padding 1x1>
  %c = neuron.layer tanh(mean(%b)) #neuron.pool2d<2x2x2, 2x2, padding 1x1, stride 1x1>
  // CHECK-NEXT: %d = neuron.layer identity(%c*w[20:28] + w[28:29]) #neuron.conv_transpose2d<2x3x3, 1, 2x2, stride 2x2, padding 1x1, output_padding 1x1>
  %d = neuron.layer identity(%c*w[20:28] + w[28:29]) #neuron.conv_transpose2d<2x3x3, 1, 2x2, stride 2x2, padding 1x1, output_padding 1x1>
  neuron.output %d : tensor<25xf32>
}
