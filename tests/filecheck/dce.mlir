// RUN: irc-opt %s -p dce | filecheck %s
// RUN: irc-opt %s -p dce --verify-diagnostics

// What has no use goes, and then what only that used.
// CHECK-LABEL: func.func @unused
// CHECK-NEXT: func.return %x
func.func @unused(%x: f32) -> f32 {
  %y = math.exp %x : f32
  %z = math.log %y : f32
  func.return %x : f32
}

// One result in use keeps an op.
// CHECK-LABEL: func.func @one_result
// CHECK-NEXT: array.unstack
func.func @one_result(%x: tensor<2xf32>) -> tensor<f32> {
  %a, %b = array.unstack %x axis 0 : tensor<2xf32>
  func.return %b : tensor<f32>
}

// Writes stay, and with them what they need.
// CHECK-LABEL: func.func @writes
// CHECK-NEXT: math.exp
// CHECK-NEXT: loop.store
func.func @writes(%i: index, %x: f32, %b: !loop.buffer<4 x f32>) {
  %y = math.exp %x : f32
  loop.store %y, %b[%i] : f32, !loop.buffer<4 x f32>
  func.return
}

// Reads whose value nobody wants go.
// CHECK-LABEL: func.func @reads
// CHECK-NEXT: func.return
func.func @reads(%i: index, %b: !loop.buffer<4 x f32>) {
  %y = loop.load %b[%i] : !loop.buffer<4 x f32>
  func.return
}

// Private functions that nothing calls go, with those that only they call; public ones stay.
// CHECK-NOT: @helper
// CHECK-NOT: @lonely
// CHECK-LABEL: func.func @public
func.func private @helper(%x: f32) -> f32 {
  func.return %x : f32
}
func.func private @lonely(%x: f32) -> f32 {
  %y = func.call @helper(%x) : (f32) -> f32
  func.return %y : f32
}
func.func @public() {
  func.return
}

// A neuron that reaches no output goes, and its user is told: once for each dead end.
// CHECK-LABEL: neuron.net @dead
// CHECK-NEXT: %b = neuron.node relu
// CHECK-NEXT: neuron.output %b
neuron.net @dead(%x: f32) -> f32 parameters 3 {
  %c = neuron.node relu(%x*w[0])
  // expected-warning@+1 {{neuron d reaches no output and is removed, with c}}
  %d = neuron.node relu(%c*w[1])
  %b = neuron.node relu(%x*w[2])
  neuron.output %b : f32
}

// Nobody drew a net of gradients: what is dead in it goes silently.
// CHECK-LABEL: neuron.net @dead_vjp
// CHECK-NEXT: neuron.output
neuron.net @dead_vjp(%x: f32, %dy: f32) -> (f32, f32) parameters 1 attributes {
    argument_kinds = ["input", "cotangent"], irc.vjp_of = "dead", irc.wrt = [0], result_kinds = ["output", "input_gradient"]} {
  %c = neuron.node relu(%x*w[0])
  neuron.output %x, %dy : f32, f32
}

// What a delay holds may reach an output later; a delay that reaches none goes, and a net without delays has no state.
// CHECK-LABEL: neuron.net @later
// CHECK-NEXT: %d = neuron.delay %a : f32
// CHECK-NEXT: %a = neuron.node
// CHECK-NEXT: neuron.output %d
neuron.net @later(%x: f32) -> f32 parameters 1 {
  %d = neuron.delay %a : f32
  // expected-warning@+1 {{neuron e reaches no output and is removed}}
  %e = neuron.delay %x : f32
  %a = neuron.node relu(%x*w[0])
  neuron.output %d : f32
}

// The caller of a net holds its state: all delays stay.
// CHECK-LABEL: neuron.net private @called
// CHECK-NEXT: %d = neuron.delay %a : f32
// CHECK-NEXT: %a = neuron.node relu
// CHECK-NEXT: neuron.output %x
neuron.net private @called(%x: f32) -> f32 parameters 1 {
  %d = neuron.delay %a : f32
  %a = neuron.node relu(%x*w[0] + %d)
  neuron.output %x : f32
}
func.func @caller(%x: tensor<T x B x 1 x f32>, %w: tensor<1xf32>, %s: tensor<B x 1 x f32>) -> tensor<B x 1 x f32> {
  %y, %t = neuron.call @called(%x, %w, %s) : (tensor<T x B x 1 x f32>, tensor<1xf32>, tensor<B x 1 x f32>) -> (tensor<T x B x 1 x f32>, tensor<B x 1 x f32>)
  func.return %t : tensor<B x 1 x f32>
}
