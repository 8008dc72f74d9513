// RUN: irc-opt %s -p 'recover-structure{min=4}' | filecheck %s
// RUN: irc-opt %s -p 'recover-structure{min=4},explode-neurons' | filecheck %s --check-prefix=BACK
// RUN: irc-opt %s -p 'recover-structure{min=4},lower-neuron' | filecheck %s --check-prefix=ARRAY

// Two neurons with one in-set are a layer; parameters that follow one another are a range of the vector.
// CHECK-LABEL: neuron.net @range
// CHECK-NEXT: %[[X:.*]] = neuron.gather (%a, %b) {indices = dense<[0, 1]> : tensor<2xi32>} : (f32, f32) -> tensor<2xf32>
// CHECK-NEXT: %[[Y:.*]] = neuron.layer tanh(%[[X]]*w[0:4] + w[4:6]) #neuron.dense<2, 2> {labels = ["c", "d"]}
// CHECK-NEXT: %c, %d = neuron.gather (%[[Y]])
// CHECK-NEXT: neuron.output %c, %d
// Exploding gives the neurons back, names with them.
// BACK-LABEL: neuron.net @range
// BACK-NEXT: %c = neuron.node tanh(%a*w[0] + %b*w[1] + w[4])
// BACK-NEXT: %d = neuron.node tanh(%a*w[2] + %b*w[3] + w[5])
// Gathering whole matrices costs nothing.
// ARRAY-LABEL: func.func @range
// ARRAY-NOT: array.gather
// ARRAY: array.contract "bi,oi->bo" %x
neuron.net @range(%a: f32, %b: f32) -> (f32, f32) parameters 6 {
  %c = neuron.node tanh(%a*w[0] + %b*w[1] + w[4])
  %d = neuron.node tanh(%a*w[2] + %b*w[3] + w[5])
  neuron.output %c, %d : f32, f32
}

// Other parameters are a list, in which -1 is the weight 1; as arrays they are gathered.
// CHECK-LABEL: neuron.net @list
// CHECK: neuron.layer relu(%{{.*}}*w[dense<[3, 0, -1, 3]> : tensor<4xi32>]) #neuron.dense<2, 2>
// BACK-LABEL: neuron.net @list
// BACK-NEXT: %c = neuron.node relu(%a*w[3] + %b*w[0])
// BACK-NEXT: %d = neuron.node relu(%a + %b*w[3])
// ARRAY-LABEL: func.func @list
// ARRAY: array.concat %w, %{{.*}} axis 0
// ARRAY: dense<{{\[\[3, 0\], \[4, 3\]\]}}> : tensor<2x2xi32>
// ARRAY-NEXT: array.gather
neuron.net @list(%a: f32, %b: f32) -> (f32, f32) parameters 4 {
  %c = neuron.node relu(%a*w[3] + %b*w[0])
  %d = neuron.node relu(%a + %b*w[3])
  neuron.output %c, %d : f32, f32
}

// What is no block stays a dag: before the block, and after it. A block may read a neuron twice.
// CHECK-LABEL: neuron.net @stages
// CHECK-NEXT: %[[A:.*]] = neuron.gather (%a) {indices = dense<0>
// CHECK-NEXT: %[[H:.*]] = neuron.dag (%[[A]]) {{.*}}labels = ["a", "h"]
// CHECK-NEXT: %[[T:.*]] = neuron.gather (%[[H]]) {indices = dense<0> : tensor<2xi32>}
// CHECK-NEXT: %[[L:.*]] = neuron.layer relu(%[[T]]*w[1:5]) #neuron.dense<2, 2> {labels = ["c", "d"]}
// CHECK-NEXT: %[[Y:.*]] = neuron.dag (%[[L]]) {{.*}}labels = ["c", "d", "y"]
// CHECK-NEXT: %y = neuron.gather (%[[Y]])
// BACK-LABEL: neuron.net @stages
// BACK-NEXT: %h = neuron.node sigmoid(%a*w[0])
// BACK-NEXT: %c = neuron.node relu(%h*w[1] + %h*w[2])
// BACK-NEXT: %d = neuron.node relu(%h*w[3] + %h*w[4])
// BACK-NEXT: %y = neuron.node identity(product(%c, %d))
// ARRAY-LABEL: func.func @stages
// ARRAY: array.dag
// ARRAY: array.contract
// ARRAY: array.dag
neuron.net @stages(%a: f32) -> f32 parameters 5 {
  %y = neuron.node identity(product(%c, %d))
  %d = neuron.node relu(%h*w[3] + %h*w[4])
  %c = neuron.node relu(%h*w[1] + %h*w[2])
  %h = neuron.node sigmoid(%a*w[0])
  neuron.output %y : f32
}

// No block: another activation, aggregation, order of the in-set, or a bias at one only; or too few edges.
// CHECK-LABEL: neuron.net @none
// CHECK-NOT: neuron.layer
// CHECK: neuron.output
neuron.net @none(%a: f32, %b: f32) -> (f32, f32, f32, f32, f32, f32) parameters 9 {
  %c = neuron.node relu(%a*w[0] + %b*w[1])
  %d = neuron.node tanh(%a*w[0] + %b*w[1])
  %e = neuron.node relu(max(%a*w[0], %b*w[1]))
  %f = neuron.node relu(%b*w[1] + %a*w[0])
  %g = neuron.node relu(%a*w[0] + %b*w[1] + w[2])
  %h = neuron.node relu(%a*w[0])
  neuron.output %c, %d, %e, %f, %g, %h : f32, f32, f32, f32, f32, f32
}
