// RUN: irc-opt %s --split-input-file --verify-diagnostics

neuron.net @activation(%a: f32) -> f32 parameters 1 {
  // expected-error@+1 {{'neuron.node': unknown activation wavy}}
  %b = neuron.node wavy(%a*w[0])
  neuron.output %b : f32
}

// -----

neuron.net @whole_layer(%a: f32) -> f32 parameters 1 {
  // expected-error@+1 {{'neuron.node': softmax acts on a whole layer, and cannot be the activation of one neuron}}
  %b = neuron.node softmax(%a*w[0])
  neuron.output %b : f32
}

// -----

neuron.net @no_parameter(%a: f32) -> f32 parameters 1 {
  // expected-error@+1 {{'neuron.node': activation relu takes no parameter}}
  %b = neuron.node relu<0.5>(%a*w[0])
  neuron.output %b : f32
}

// -----

neuron.net @aggregation(%a: f32) -> f32 parameters 1 {
  // expected-error@+1 {{'neuron.node': unknown aggregation mode}}
  %b = neuron.node relu(mode(%a*w[0]))
  neuron.output %b : f32
}

// -----

// Only a sum may be empty.
neuron.net @empty(%a: f32) -> f32 parameters 0 {
  // expected-error@+1 {{expected a value such as %x, got ')'}}
  %b = neuron.node relu(product())
  neuron.output %b : f32
}

// -----

neuron.net @parameter_range(%a: f32) -> f32 parameters 2 {
  // expected-error@+1 {{'neuron.node': b uses w[2], but there are 2 parameters}}
  %b = neuron.node relu(%a*w[2])
  neuron.output %b : f32
}

// -----

neuron.net @bias_range(%a: f32) -> f32 parameters 1 {
  // expected-error@+1 {{'neuron.node': b uses w[1], but there are 1 parameters}}
  %b = neuron.node relu(%a*w[0] + w[1])
  neuron.output %b : f32
}

// -----

neuron.net @layer_range(%a: tensor<2xf32>) -> tensor<3xf32> parameters 8 {
  // expected-error@+1 {{'neuron.layer': b uses w[8], but there are 8 parameters}}
  %b = neuron.layer relu(%a*w[0:6] + w[6:9]) #neuron.dense<2, 3>
  neuron.output %b : tensor<3xf32>
}

// -----

neuron.net @cycle(%a: f32) -> f32 parameters 0 {
  // expected-error@+1 {{'neuron.node': cycle: b -> c -> d -> b; a cycle must go through a neuron.delay}}
  %b = neuron.node relu(%a + %d)
  %c = neuron.node relu(%b)
  %d = neuron.node relu(%c)
  neuron.output %d : f32
}

// -----

neuron.net @itself(%a: f32) -> f32 parameters 1 {
  // expected-error@+1 {{'neuron.node': cycle: b -> b; a cycle must go through a neuron.delay}}
  %b = neuron.node relu(%a + %b*w[0])
  neuron.output %b : f32
}

// -----

// expected-error@+1 {{'neuron.net': neuron.output gives (f32), but the net's type is (f32) -> f64}}
neuron.net @type(%a: f32) -> f64 parameters 0 {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{'neuron.net': values of a net are floats of one type, or vectors tensor<k x f32>, not f64}}
neuron.net @mixed(%a: f32, %b: f64) -> f32 parameters 0 {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{'neuron.net': values of a net are floats of one type, or vectors tensor<k x f32>, not tensor<2x2xf32>}}
neuron.net @matrix(%a: tensor<2x2xf32>) -> tensor<2x2xf32> parameters 0 {
  neuron.output %a : tensor<2x2xf32>
}

// -----

// expected-error@+1 {{'neuron.net': 1 names for 2 parameters}}
neuron.net @names(%a: f32) -> f32 parameters 2 attributes {names = ["u"]} {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{'neuron.net': tensors 'a' and 'b' overlap}}
neuron.net @overlap(%a: f32) -> f32 parameters 5 tensors (#neuron.tensor<"a", 0, [2, 2]>, #neuron.tensor<"b", 3, [1]>) {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{'neuron.net': tensor 'b' ends at 6, but there are 5 parameters}}
neuron.net @tensor_range(%a: f32) -> f32 parameters 5 tensors (#neuron.tensor<"a", 0, [2, 2]>, #neuron.tensor<"b", 4, [2]>) {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{'neuron.net': two parameters are called 'a'}}
neuron.net @tensor_names(%a: f32) -> f32 parameters 5 tensors (#neuron.tensor<"a", 0, [2]>, #neuron.tensor<"a", 2, [2]>) {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{unknown initialiser glorot; known are: xavier}}
neuron.net @initialiser(%a: f32) -> f32 parameters 5 tensors (#neuron.tensor<"a", 0, [2, 2], glorot>) {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{xavier takes none, but 1 number was given}}
neuron.net @numbers(%a: f32) -> f32 parameters 5 tensors (#neuron.tensor<"a", 0, [2, 2], xavier<1.0>>) {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{he is for matrices, and 'a' has the shape [2]}}
neuron.net @bias(%a: f32) -> f32 parameters 5 tensors (#neuron.tensor<"a", 0, [2], he>) {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{tensor 'a': sizes are positive}}
neuron.net @size(%a: f32) -> f32 parameters 5 tensors (#neuron.tensor<"a", 0, [2, 0]>) {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{expected <"name", offset, [sizes], initialiser>}}
neuron.net @body(%a: f32) -> f32 parameters 5 tensors (#neuron.tensor<a, 0, [2, 2]>) {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{'neuron.net': 3 start values for 2 parameters}}
neuron.net @initial(%a: f32) -> f32 parameters 2 attributes {initial = dense<0.5> : tensor<3xf32>} {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{'neuron.net': the number of parameters is -1; it must lie between 0 and 2**31 - 1}}
neuron.net @negative(%a: f32) -> f32 parameters -1 {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{'neuron.net': argument_kinds must say one of input, cotangent for each of 1 types}}
neuron.net @kinds(%a: f32) -> f32 parameters 0 attributes {argument_kinds = ["weight"]} {
  neuron.output %a : f32
}

// -----

// expected-error@+1 {{'neuron.net': must end with neuron.output}}
neuron.net @no_output(%a: f32) -> f32 parameters 0 {
  %b = neuron.node relu(%a)
}

// -----

// Nodes belong into nets.
func.func @node(%a: f32) {
  // expected-error@+1 {{'neuron.node': must stand directly inside neuron.net}}
  %b = neuron.node relu(%a)
  func.return
}

// -----

neuron.net @dense(%a: tensor<3xf32>) -> tensor<2xf32> parameters 4 {
  // expected-error@+1 {{%a is of type tensor<3xf32>, but is used as tensor<2xf32>}}
  %b = neuron.layer relu(%a*w[0:4]) #neuron.dense<2, 2>
  neuron.output %b : tensor<2xf32>
}

// -----

neuron.net @weights(%a: tensor<2xf32>) -> tensor<2xf32> parameters 9 {
  // expected-error@+1 {{#neuron.dense<2, 2> has 4 of them, not 3: w[0:3]}}
  %b = neuron.layer relu(%a*w[0:3]) #neuron.dense<2, 2>
  neuron.output %b : tensor<2xf32>
}

// -----

neuron.net @pattern(%a: tensor<2xf32>) -> tensor<2xf32> parameters 9 {
  // expected-error@+1 {{expected <inputs, outputs> with positive integers, got <2, 0>}}
  %b = neuron.layer relu(%a*w[0:4]) #neuron.dense<2, 0>
  neuron.output %b : tensor<2xf32>
}

// -----

neuron.net @merge(%a: f32) -> f32 parameters 0 {
  // expected-error@+1 {{'neuron.merge': unknown kind subtract}}
  %b = neuron.merge subtract %a, %a : f32
  neuron.output %b : f32
}

// -----

neuron.net @share_term(%a: f32) -> f32 parameters 0 {
  // expected-error@+1 {{'neuron.share': there is no term 2 among 2}}
  %b = neuron.share max[2](%a, %a)
  neuron.output %b : f32
}

// -----

neuron.net @share_kind(%a: f32) -> f32 parameters 0 {
  // expected-error@+1 {{'neuron.share': unknown aggregation sum}}
  %b = neuron.share sum[0](%a, %a)
  neuron.output %b : f32
}

// -----

// Row 0 is neuron 1, so it cannot take neuron 1.
neuron.net @dag_order(%a: f32) -> f32 parameters 1 {
  // expected-error@+1 {{'neuron.dag': not a sound topology: edge 0 must come from an input or from a row before its own}}
  %b = neuron.dag (%a) {biases = dense<-1> : tensor<1xi32>, kinds = [#array.kind<relu>], offsets = dense<[0, 1]> : tensor<2xi32>, outputs = dense<1> : tensor<1xi32>, segments = dense<[[0, 1, 0]]> : tensor<1x3xi32>, sources = dense<1> : tensor<1xi32>, weights = dense<0> : tensor<1xi32>} : (f32) -> f32
  neuron.output %b : f32
}

// -----

neuron.net @dag_outputs(%a: f32) -> (f32, f32) parameters 1 {
  // expected-error@+1 {{'neuron.dag': has 1 outputs, but results for 2}}
  %b:2 = neuron.dag (%a) {biases = dense<-1> : tensor<1xi32>, kinds = [#array.kind<relu>], offsets = dense<[0, 1]> : tensor<2xi32>, outputs = dense<1> : tensor<1xi32>, segments = dense<[[0, 1, 0]]> : tensor<1x3xi32>, sources = dense<0> : tensor<1xi32>, weights = dense<0> : tensor<1xi32>} : (f32) -> (f32, f32)
  neuron.output %b#0, %b#1 : f32, f32
}

// -----

neuron.net @gather(%a: tensor<2xf32>) -> f32 parameters 0 {
  // expected-error@+1 {{'neuron.gather': index 2 is outside of 0 to 1}}
  %b = neuron.gather (%a) {indices = dense<2> : tensor<1xi32>} : (tensor<2xf32>) -> f32
  neuron.output %b : f32
}

// -----

neuron.net @callee(%a: f32) -> f32 parameters 1 {
  neuron.output %a : f32
}
func.func @call(%x: tensor<B x 2 x f32>, %w: tensor<1xf32>) {
  // expected-error@+1 {{'neuron.call': calls @callee as (tensor<B x 2 x f32>, tensor<1xf32>) -> tensor<B x 1 x f32>, but for a batch it is (tensor<B x 1 x f32>, tensor<1xf32>) -> tensor<B x 1 x f32>}}
  %y = neuron.call @callee(%x, %w) : (tensor<B x 2 x f32>, tensor<1xf32>) -> tensor<B x 1 x f32>
  func.return
}

// -----

func.func private @f()
func.func @call_function() {
  // expected-error@+1 {{'neuron.call': @f is no net, but func.func}}
  neuron.call @f() : () -> ()
  func.return
}

// -----

neuron.net @delay_type(%x: f32) -> f32 parameters 0 {
  // expected-error@+1 {{'neuron.delay': the initial value must be a finite number, not inf}}
  %d = neuron.delay %x {initial = 0x7FF0000000000000 : f64} : f32
  neuron.output %d : f32
}

// -----

neuron.net @over_time(%x: f32) -> f32 parameters 0 {
  %d = neuron.delay %x : f32
  neuron.output %d : f32
}
func.func @call_without_time(%x: tensor<B x 1 x f32>, %w: tensor<0xf32>) {
  // expected-error@+1 {{'neuron.call': calls @over_time as (tensor<B x 1 x f32>, tensor<0xf32>) -> tensor<B x 1 x f32>, but for a batch it is (tensor<T x B x 1 x f32>, tensor<0xf32>, tensor<B x 1 x f32>) -> (tensor<T x B x 1 x f32>, tensor<B x 1 x f32>)}}
  %y = neuron.call @over_time(%x, %w) : (tensor<B x 1 x f32>, tensor<0xf32>) -> tensor<B x 1 x f32>
  func.return
}

// -----

// expected-error@+1 {{irc.sample_shape must be a list of sizes of 4 numbers, as a sample has them, not [1 : i64, 5 : i64]}}
neuron.net @image(%x: tensor<4xf32>) -> tensor<4xf32> parameters 0 attributes {irc.sample_shape = [1 : i64, 5 : i64]} {
  neuron.output %x : tensor<4xf32>
}
