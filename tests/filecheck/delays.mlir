// RUN: irc-opt %s -p lower-neuron,canonicalize | filecheck %s --check-prefix=LOWER
// RUN: irc-opt %s -p group-neurons | filecheck %s --check-prefix=GROUP
// RUN: irc-opt %s -p group-neurons,explode-neurons | filecheck %s --check-prefix=EXPLODE
// RUN: irc-opt %s -p cse,dce,group-neurons,lower-neuron --check
// RUN: irc-opt %s --emit=fwd | filecheck %s --check-prefix=FWD
// RUN: irc-opt %s --emit=dot | filecheck %s --check-prefix=DOT
// RUN: irc-opt %s --emit=svg | filecheck %s --check-prefix=SVG
// RUN: irc-opt %s -p lower-neuron,autodiff --check-grad
// RUN: not irc-opt %s -p autodiff 2>&1 | filecheck %s --check-prefix=NEURONS

// A net with delays becomes a scan that carries its state; the state's columns keep their names and initial values.
// LOWER-LABEL: func.func @r(
// LOWER: %x: tensor<T x B x 2 x f32>
// LOWER: %state: tensor<B x 2 x f32> {irc.registers = {{.*}}"a", 1 : i64, 0.000000e+00 : f64], ["b", 1 : i64, 5.000000e-01 : f64]], irc.state = 1 : i64}) -> (tensor<T x B x 1 x f32>, tensor<B x 2 x f32>) {
// LOWER-NEXT: array.scan carry (%state = %state : tensor<B x 2 x f32>) over (%x = %x : tensor<T x B x 2 x f32>) with (%w = %w : tensor<5xf32>)

// Delays stay; to the dag they are inputs, and what they delay is an output.
// GROUP-LABEL: neuron.net @r
// GROUP-NEXT: %da = neuron.delay %a : f32
// GROUP-NEXT: %db = neuron.delay %b_0 {initial = 5.000000e-01 : f64} : f32
// GROUP-NEXT: %b, %a, %b_0 = neuron.dag (%x, %z, %da, %db)

// EXPLODE-LABEL: neuron.net @r
// EXPLODE-NEXT: %da = neuron.delay %a : f32
// EXPLODE-NEXT: %db = neuron.delay %b {initial = 5.000000e-01 : f64} : f32
// EXPLODE-NEXT: %a = neuron.node tanh(%x*w[0] + %da*w[1] + %db*w[2])
// EXPLODE-NEXT: %b = neuron.node sigmoid(%z*w[3] + %a*w[4])

// In equations and pictures a delay is no neuron, but the time at which a value is read.
// FWD: a = f_a( +x*w_x_a +a[t-1]*w_a_a +b[t-1]*w_b_a)
// FWD-NEXT: b = f_b( +z*w_z_b +a*w_a_b)
// DOT: 2 -> 2 [label="w_a_a [t-1]", style="dashed", constraint="false"];
// DOT: 2 -> 3 [label="w_a_b"];
// SVG: stroke-dasharray="4 3"><title>w_a_a [t-1]</title></path>
// SVG: >of the step before</text>

// Gradients go back through time at array level; a net of one step has none.
// NEURONS: delays.mlir:[[# @LINE + 2]]:{{.*}}: error: 'neuron.delay' has no gradient in terms of neurons: its gradient comes from the next step. Run lower-neuron before autodiff
neuron.net @r(%x: f32, %z: f32) -> f32 parameters 5 {
  %da = neuron.delay %a : f32
  %db = neuron.delay %b {initial = 0.5} : f32
  %a = neuron.node tanh(%x*w[0] + %da*w[1] + %db*w[2])
  %b = neuron.node sigmoid(%z*w[3] + %a*w[4])
  neuron.output %b : f32
}

// Equal delays are merged, and one that reaches no output goes; --check starts both programs with their own state.
neuron.net @merged(%x: f32) -> f32 parameters 2 {
  %d = neuron.delay %a {initial = 0.5} : f32
  %e = neuron.delay %a {initial = 0.5} : f32
  %dead = neuron.delay %x : f32
  %a = neuron.node tanh(%x*w[0] + %d*w[1] + %e)
  neuron.output %a : f32
}
