// RUN: irc-opt %s -p lower-neuron | filecheck %s
// RUN: irc-opt %s -p group-neurons,lower-neuron | filecheck %s --check-prefix=DAG

// A net is a function of a batch; its nodes are elementwise work, and activations are written out.
// CHECK-LABEL: func.func @node(%x: tensor<B x 2 x f32>, %w: tensor<3xf32> {irc.param = "w"}) -> tensor<B x 1 x f32>
// CHECK-NEXT: %n00, %n01 = array.unstack %x axis 1 : tensor<B x 2 x f32>
// CHECK-NEXT: %[[W:[0-9]+]]:3 = array.unstack %w axis 0 : tensor<3xf32>
// CHECK-NEXT: %[[W0:.+]] = array.broadcast %[[W]]#0 dims [] : tensor<f32> to tensor<B x f32>
// CHECK-NEXT: %[[T0:.+]] = arith.mulf %n00, %[[W0]]
// CHECK-NEXT: %[[Z0:.+]] = arith.addf %[[T0]], %n01
// CHECK-NEXT: %[[W2:.+]] = array.broadcast %[[W]]#2
// CHECK-NEXT: %[[Z:.+]] = arith.addf %[[Z0]], %[[W2]]
// CHECK-NEXT: %n02 = math.tanh %[[Z]]
// CHECK-NEXT: %[[Y:.+]] = array.stack %n02 axis 1
// CHECK-NEXT: func.return %[[Y]]
// A dag that is the whole net has its graph as bound data and its sizes as symbols.
// DAG-LABEL: func.func @node(
// DAG-NEXT: %x: tensor<B x I x f32>,
// DAG-NEXT: %w: tensor<P x f32> {irc.param = "w"},
// DAG-NEXT: %offsets: tensor<R + 1 x i32> {irc.data = dense<[0, 2]> : tensor<2xi32>},
// DAG: -> tensor<B x O x f32>
// DAG-SAME: irc.symbols = {E = 2 : i64, I = 2 : i64, O = 1 : i64, P = 3 : i64, R = 1 : i64, S = 1 : i64}
// DAG-NEXT: %y = array.dag %x, %w, %offsets, %sources, %weights, %biases, %segments, %outputs kinds
// DAG-NEXT: func.return %y
neuron.net @node(%n00: f32, %n01: f32) -> f32 parameters 3 {
  %n02 = neuron.node tanh(%n00*w[0] + %n01 + w[2])
  neuron.output %n02 : f32
}

// The first of equal terms has the whole share of a maximum: before it only smaller ones, behind it none larger.
// CHECK-LABEL: func.func @share
// CHECK: arith.cmpf ogt, %b, %a
// CHECK: arith.cmpf oge, %b, %c
neuron.net @share(%a: f32, %b: f32, %c: f32) -> f32 parameters 0 {
  %s = neuron.share max[1](%a, %b, %c)
  neuron.output %s : f32
}

// A dense layer is a contraction with a part of the parameters.
// CHECK-LABEL: func.func @layer(%x: tensor<B x 2 x f32>, %w: tensor<9xf32> {irc.param = "w"}) -> tensor<B x 3 x f32>
// CHECK-NEXT: %[[PART:.+]] = array.slice %w offsets [0] : tensor<9xf32> to tensor<6xf32>
// CHECK-NEXT: %[[MATRIX:.+]] = array.reshape %[[PART]] : tensor<6xf32> to tensor<3x2xf32>
// CHECK-NEXT: array.contract "bi,oi->bo" %x, %[[MATRIX]]
// CHECK-NEXT: %[[BIAS:.+]] = array.slice %w offsets [6] : tensor<9xf32> to tensor<3xf32>
// CHECK-NEXT: array.broadcast %[[BIAS]] dims [1] : tensor<3xf32> to tensor<B x 3 x f32>
neuron.net @layer(%v: tensor<2xf32>) -> tensor<3xf32> parameters 9 {
  %y = neuron.layer identity(%v*w[0:6] + w[6:9]) #neuron.dense<2, 3>
  neuron.output %y : tensor<3xf32>
}

// Parts of the parameter vector keep their names, shapes and initialisers.
// CHECK-LABEL: func.func @tensors(
// CHECK: %w: tensor<3xf32> {irc.param = "w", irc.tensors = [#neuron.tensor<"y.weight", 0, [1, 2], xavier>, #neuron.tensor<"y.bias", 2, [1], zero>]}
// DAG-LABEL: func.func @tensors(
neuron.net @tensors(%v: tensor<2xf32>) -> tensor<1xf32> parameters 3
    tensors (#neuron.tensor<"y.weight", 0, [1, 2], xavier>, #neuron.tensor<"y.bias", 2, [1], zero>) {
  %y = neuron.layer identity(%v*w[0:2] + w[2:3]) #neuron.dense<2, 1>
  neuron.output %y : tensor<1xf32>
}

// Gradients of parameters are summed over the batch.
// CHECK-LABEL: func.func @gradient(%x: tensor<B x 1 x f32>, %w: tensor<1xf32> {irc.param = "w"}, %dy: tensor<B x 1 x f32>)
// CHECK-SAME: -> (tensor<B x 1 x f32>, tensor<B x 1 x f32>, tensor<1xf32>)
// CHECK: %[[SUM:.+]] = array.reduce sum %dw dims [0] : tensor<B x f32>
// CHECK: array.stack %[[SUM]] axis 0
neuron.net @gradient(%a: f32, %da: f32) -> (f32, f32, f32) parameters 1 attributes {
    argument_kinds = ["input", "cotangent"], result_kinds = ["output", "input_gradient", "parameter_gradient"]} {
  %y = neuron.node identity(%a*w[0])
  %dx = neuron.node identity(%da*w[0])
  %dw = neuron.merge multiply %a, %da : f32
  neuron.output %y, %dx, %dw : f32, f32, f32
}

// A net that is called keeps its sizes in its types, and the call becomes one of a function.
// CHECK-LABEL: func.func private @callee(%x: tensor<B x 1 x f32>
// DAG-LABEL: func.func private @callee(%x: tensor<B x 1 x f32>
// DAG: arith.constant
neuron.net private @callee(%a: f32) -> f32 parameters 1 {
  %y = neuron.node relu(%a*w[0])
  neuron.output %y : f32
}
// CHECK-LABEL: func.func @caller
// CHECK-NEXT: func.call @callee(%x, %w)
func.func @caller(%x: tensor<B x 1 x f32>, %w: tensor<1xf32>) -> tensor<B x 1 x f32> {
  %y = neuron.call @callee(%x, %w) : (tensor<B x 1 x f32>, tensor<1xf32>) -> tensor<B x 1 x f32>
  func.return %y : tensor<B x 1 x f32>
}

// The term with the largest absolute value, the first of equal ones: selects, whose gradients go where the value came from.
// CHECK-LABEL: func.func @maxabs
// CHECK: %[[B:.+]] = math.absf %b
// CHECK: %[[A:.+]] = math.absf %a
// CHECK: %[[AHEAD:.+]] = arith.cmpf ogt, %[[B]], %[[A]]
// CHECK: arith.select %[[AHEAD]], %b, %a
// DAG-LABEL: func.func @maxabs
// DAG: array.dag {{.*}} kinds [#array.kind<identity, maxabs>]
neuron.net @maxabs(%a: f32, %b: f32) -> f32 parameters 0 {
  %y = neuron.node identity(maxabs(%a, %b))
  neuron.output %y : f32
}

// A median counts the terms before each: of equal ones, those that stand before it. The middle rank of three is 1.
// CHECK-LABEL: func.func @median
// CHECK: arith.cmpf olt, %b, %a
// CHECK: arith.cmpf olt, %c, %a
// CHECK: arith.cmpf ole, %a, %b
// CHECK: arith.cmpf olt, %c, %b
// CHECK: %[[FIRST:.+]] = arith.cmpf ole, %a, %c
// CHECK: arith.select %[[FIRST]]
// CHECK: math.absf
// CHECK: %[[MIDDLE:.+]] = arith.cmpf olt
// CHECK: arith.select %[[MIDDLE]], %c
neuron.net @median(%a: f32, %b: f32, %c: f32) -> f32 parameters 0 {
  %y = neuron.node identity(median(%a, %b, %c))
  neuron.output %y : f32
}

// The derivative of a median of two by one of them needs no comparison.
// CHECK-LABEL: func.func @half
// CHECK-NOT: arith.cmpf
// CHECK: array.full 5.000000e-01
neuron.net @half(%a: f32, %b: f32) -> f32 parameters 0 {
  %y = neuron.share median[1](%a, %b)
  neuron.output %y : f32
}

// Layers on grids become work on images; each filter's bias goes to all of its cells.
// CHECK-LABEL: func.func @grids
// CHECK: [[X:%.*]] = array.reshape %x : tensor<B x 18 x f32> to tensor<B x 2 x 3 x 3 x f32>
// CHECK: [[C:%.*]] = array.conv2d [[X]], {{%.*}} padding [1, 0] groups 2 : tensor<B x 2 x 3 x 3 x f32>, tensor<4x1x2x2xf32>
// CHECK: [[B:%.*]] = array.broadcast {{%.*}} dims [1] : tensor<4xf32> to tensor<B x 4 x 4 x 2 x f32>
// CHECK-NEXT: arith.addf [[C]], [[B]] : tensor<B x 4 x 4 x 2 x f32>
// CHECK: array.pool2d max {{%.*}} kernel [2, 1] : tensor<B x 4 x 4 x 2 x f32>
// CHECK: array.conv2d_transpose {{%.*}}, {{%.*}} stride [2, 2] : tensor<B x 4 x 2 x 2 x f32>, tensor<4x1x2x2xf32> to tensor<B x 1 x 4 x 4 x f32>
neuron.net @grids(%x: tensor<18xf32>) -> tensor<16xf32> parameters 36 {
  %c = neuron.layer relu(%x*w[0:16] + w[16:20]) #neuron.conv2d<2x3x3, 4, 2x2, padding 1x0, groups 2>
  %p = neuron.layer identity(max(%c)) #neuron.pool2d<4x4x2, 2x1>
  %t = neuron.layer identity(%p*w[20:36]) #neuron.conv_transpose2d<4x2x2, 1, 2x2, stride 2x2>
  neuron.output %t : tensor<16xf32>
}
