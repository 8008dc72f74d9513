// RUN: irc-opt %s -p cse | filecheck %s

// Two equal ops are one.
// CHECK-LABEL: func.func @simple
// CHECK-NEXT: %a = math.exp %x : f32
// CHECK-NEXT: func.return %a, %a : f32, f32
func.func @simple(%x: f32) -> (f32, f32) {
  %a = math.exp %x : f32
  %b = math.exp %x : f32
  func.return %a, %b : f32, f32
}

// What becomes equal by that goes too.
// CHECK-LABEL: func.func @chain
// CHECK-COUNT-3: math.{{.*}} : f32
// CHECK-NEXT: func.return %c, %c : f32, f32
func.func @chain(%x: f32) -> (f32, f32) {
  %a = math.exp %x : f32
  %b = math.sin %a : f32
  %c = math.tanh %b : f32
  %d = math.exp %x : f32
  %e = math.sin %d : f32
  %f = math.tanh %e : f32
  func.return %c, %f : f32, f32
}

// The operands of a commutative op have no order; those of others do.
// CHECK-LABEL: func.func @commutative
// CHECK-NEXT: %a = arith.addf %x, %y : f32
// CHECK-NEXT: %c = arith.subf %x, %y : f32
// CHECK-NEXT: %d = arith.subf %y, %x : f32
// CHECK-NEXT: func.return %a, %a, %c, %d
func.func @commutative(%x: f32, %y: f32) -> (f32, f32, f32, f32) {
  %a = arith.addf %x, %y : f32
  %b = arith.addf %y, %x : f32
  %c = arith.subf %x, %y : f32
  %d = arith.subf %y, %x : f32
  func.return %a, %b, %c, %d : f32, f32, f32, f32
}

// Attributes and types tell ops apart.
// CHECK-LABEL: func.func @different
// CHECK-NEXT: arith.constant 1.000000e+00 : f32
// CHECK-NEXT: arith.constant 2.000000e+00 : f32
// CHECK-NEXT: arith.constant 1.000000e+00 : f64
// CHECK-NEXT: arith.cmpf ogt
// CHECK-NEXT: arith.cmpf oge
// CHECK-NEXT: func.return
func.func @different(%x: f32) -> (f32, f32, f64, i1, i1) {
  %a = arith.constant 1.0 : f32
  %b = arith.constant 2.0 : f32
  %c = arith.constant 1.0 : f64
  %d = arith.cmpf ogt, %x, %a : f32
  %e = arith.cmpf oge, %x, %a : f32
  func.return %a, %b, %c, %d, %e : f32, f32, f64, i1, i1
}

// 0.0 and -0.0 are equal numbers but not the same.
// CHECK-LABEL: func.func @zeros
// CHECK-NEXT: arith.constant 0.000000e+00
// CHECK-NEXT: arith.constant -0.000000e+00
func.func @zeros() -> (f32, f32) {
  %a = arith.constant 0.0 : f32
  %b = arith.constant -0.0 : f32
  func.return %a, %b : f32, f32
}

// Reads are not merged: something may have been written in between.
// CHECK-LABEL: func.func @reads
// CHECK-COUNT-2: loop.load
func.func @reads(%i: index, %x: f32, %b: !loop.buffer<4 x f32>) -> (f32, f32) {
  %a = loop.load %b[%i] : !loop.buffer<4 x f32>
  loop.store %x, %b[%i] : f32, !loop.buffer<4 x f32>
  %c = loop.load %b[%i] : !loop.buffer<4 x f32>
  func.return %a, %c : f32, f32
}

// Two allocations are two places.
// CHECK-LABEL: func.func @allocations
// CHECK-COUNT-2: loop.alloc
func.func @allocations(%i: index, %x: f32) {
  %a = loop.alloc : !loop.buffer<4 x f32>
  %b = loop.alloc : !loop.buffer<4 x f32>
  loop.store %x, %a[%i] : f32, !loop.buffer<4 x f32>
  loop.store %x, %b[%i] : f32, !loop.buffer<4 x f32>
  func.return
}

// Inside a region what was computed before it is known; what one side computes the other does not have.
// CHECK-LABEL: func.func @regions
// CHECK-NEXT: %a = math.exp %x : f32
// CHECK-NEXT: %r = loop.if %p -> (f32) {
// CHECK-NEXT: %s = math.sin %a : f32
// CHECK: else
// CHECK-NEXT: math.sin %a : f32
func.func @regions(%p: i1, %x: f32) -> f32 {
  %a = math.exp %x : f32
  %r = loop.if %p -> (f32) {
    %b = math.exp %x : f32
    %s = math.sin %b : f32
    loop.yield %s : f32
  } else {
    %b = math.exp %x : f32
    %s = math.sin %b : f32
    loop.yield %s : f32
  }
  func.return %r : f32
}

// A neuron is known by its inputs and the numbers of its parameters: %b is %a again.
// CHECK-LABEL: neuron.net @same
// CHECK-NEXT: %a = neuron.node relu(%x*w[0] + w[1])
// CHECK-NEXT: neuron.output %a, %a : f32, f32
neuron.net @same(%x: f32) -> (f32, f32) parameters 2 {
  %a = neuron.node relu(%x*w[0] + w[1])
  %b = neuron.node relu(%x*w[0] + w[1])
  neuron.output %a, %b : f32, f32
}

// Equal start values do not make one parameter of two.
// CHECK-LABEL: neuron.net @equal_numbers
// CHECK: %a = neuron.node relu(%x*w[0])
// CHECK-NEXT: %b = neuron.node relu(%x*w[1])
neuron.net @equal_numbers(%x: f32) -> (f32, f32) parameters 2 attributes {initial = dense<0.5> : tensor<2xf32>} {
  %a = neuron.node relu(%x*w[0])
  %b = neuron.node relu(%x*w[1])
  neuron.output %a, %b : f32, f32
}

// Calls may do more than give a result.
// CHECK-LABEL: func.func @calls
// CHECK-COUNT-2: func.call @simple
func.func @calls(%x: f32) -> (f32, f32) {
  %a:2 = func.call @simple(%x) : (f32) -> (f32, f32)
  %b:2 = func.call @simple(%x) : (f32) -> (f32, f32)
  func.return %a#0, %b#0 : f32, f32
}
