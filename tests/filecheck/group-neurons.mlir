// RUN: irc-opt %s -p group-neurons | filecheck %s
// RUN: irc-opt %s -p 'group-neurons{min=3}' | filecheck %s --check-prefix=MIN

// Rows are neurons in topological order, whatever the text's: c feeds b, so c is row 0.
// CHECK-LABEL: neuron.net @order
// CHECK-NEXT: %b = neuron.dag (%a)
// CHECK-SAME: biases = dense<[-1, 2]>
// CHECK-SAME: labels = ["a", "c", "b"]
// CHECK-SAME: offsets = dense<[0, 1, 2]>
// CHECK-SAME: outputs = dense<2>
// CHECK-SAME: sources = dense<[0, 1]>
// CHECK-SAME: weights = dense<[1, 0]>
// CHECK-SAME: : (f32) -> f32
// CHECK-NEXT: neuron.output %b : f32
// A net of fewer nodes than min stays as it is.
// MIN-LABEL: neuron.net @order
// MIN-NEXT: neuron.node relu
neuron.net @order(%a: f32) -> f32 parameters 3 {
  %b = neuron.node relu(%c*w[0] + w[2])
  %c = neuron.node relu(%a*w[1])
  neuron.output %b : f32
}

// Neurons of one kind and depth stand side by side: one segment each.
// CHECK-LABEL: neuron.net @kinds
// CHECK: kinds = [#array.kind<relu, sum>, #array.kind<relu_leaky, 0.1, max>]
// CHECK-SAME: labels = ["a", "r1", "r2", "l1", "l2"]
// CHECK-SAME: segments = dense<{{\[\[0, 2, 0\], \[2, 4, 1\]\]}}>
neuron.net @kinds(%a: f32) -> (f32, f32, f32, f32) parameters 4 {
  %r1 = neuron.node relu(%a*w[0])
  %l1 = neuron.node relu_leaky<0.1>(max(%a*w[1]))
  %r2 = neuron.node relu(%a*w[2])
  %l2 = neuron.node relu_leaky<0.1>(max(%a*w[3]))
  neuron.output %r1, %l1, %r2, %l2 : f32, f32, f32, f32
}

// An input may be an output, and a term may have the constant weight 1, which is parameter -1.
// CHECK-LABEL: neuron.net @through
// CHECK: outputs = dense<[0, 1]>
// CHECK-SAME: weights = dense<-1>
neuron.net @through(%n00: f32) -> (f32, f32) parameters 0 {
  %n01 = neuron.node tanh(%n00)
  neuron.output %n00, %n01 : f32, f32
}

// What is more than nodes stays.
// CHECK-LABEL: neuron.net @mixed
// CHECK-NEXT: neuron.node relu(%a)
// CHECK-NEXT: neuron.merge add
neuron.net @mixed(%a: f32) -> f32 parameters 0 {
  %b = neuron.node relu(%a)
  %c = neuron.merge add %a, %b : f32
  neuron.output %c : f32
}
