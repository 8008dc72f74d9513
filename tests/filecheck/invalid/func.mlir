// RUN: irc-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{'func.func': a function without a body must be private}}
func.func @public_declaration(f32) -> f32

// -----

// expected-error@+1 {{'func.func': the visibility must be}}
"func.func"() <{function_type = () -> (), sym_name = "f", sym_visibility = "hidden"}> ({
  "func.return"() : () -> ()
}) : () -> ()

// -----

// The body's arguments are those of the type.
// expected-error@+1 {{'func.func': the body's arguments are (f64), but the function's type says (f32)}}
"func.func"() <{function_type = (f32) -> (), sym_name = "f"}> ({
^bb0(%x: f64):
  "func.return"() : () -> ()
}) : () -> ()

// -----

// expected-error@+1 {{'func.func': arg_attrs must have a dictionary for each of the 1 types}}
"func.func"() <{arg_attrs = [{}, {}], function_type = (f32) -> (), sym_name = "f"}> ({
^bb0(%x: f32):
  "func.return"() : () -> ()
}) : () -> ()

// -----

// expected-error@+1 {{'func.func': the body must end with func.return}}
func.func @no_return(%x: f32) {
  %y = math.exp %x : f32
}

// -----

func.func @returns(%x: f32) -> f64 {
  // expected-error@+1 {{'func.return': returns (f32), but @returns has the results (f64)}}
  func.return %x : f32
}

// -----

func.func @returns_less() -> f32 {
  // expected-error@+1 {{'func.return': returns (), but @returns_less has the results (f32)}}
  func.return
}

// -----

func.func @calls_nobody() {
  // expected-error@+1 {{'func.call': there is no symbol @nobody in the module}}
  func.call @nobody() : () -> ()
  func.return
}

// -----

func.func private @f(f32) -> f32
func.func @calls_as(%x: f64) {
  // expected-error@+1 {{'func.call': calls @f as (f64) -> f64, but its type is (f32) -> f32}}
  %y = func.call @f(%x) : (f64) -> f64
  func.return
}

// -----

neuron.net @net(%x: f32) -> f32 parameters 0 {
  neuron.output %x : f32
}
func.func @calls_a_net(%x: f32) {
  // expected-error@+1 {{'func.call': @net is no function, but neuron.net}}
  %y = func.call @net(%x) : (f32) -> f32
  func.return
}

// -----

// expected-error@+1 {{'func.func': tensor 'a' ends at 6, but there are 4 parameters}}
func.func @tensor_range(%w: tensor<4xf32> {irc.param = "w", irc.tensors = [#neuron.tensor<"a", 0, [2, 3]>]}) -> tensor<4xf32> {
  func.return %w : tensor<4xf32>
}

// -----

// expected-error@+1 {{'func.func': irc.tensors of argument 0 is for a parameter that is a vector}}
func.func @tensors_of_a_matrix(%w: tensor<2x2xf32> {irc.param = "w", irc.tensors = [#neuron.tensor<"a", 0, [2]>]}) -> tensor<2x2xf32> {
  func.return %w : tensor<2x2xf32>
}

// -----

// expected-error@+1 {{'func.func': irc.tensors of argument 1: two parameters are called 'a'}}
func.func @tensor_names(%a: tensor<2xf32> {irc.param = "a"}, %w: tensor<2xf32> {irc.param = "w", irc.tensors = [#neuron.tensor<"a", 0, [2]>]}) {
  func.return
}

// -----

// expected-error@+1 {{irc.state of argument 0: the function must have a result 1 of the same type, tensor<B x 2 x f32>}}
func.func @state(%s: tensor<B x 2 x f32> {irc.state = 1 : i64}) -> tensor<B x 2 x f32> {
  func.return %s : tensor<B x 2 x f32>
}

// -----

// expected-error@+1 {{irc.state of argument 0: the registers have 3 columns, but the state is tensor<B x 2 x f32>}}
func.func @registers(%s: tensor<B x 2 x f32> {irc.state = 0 : i64, irc.registers = [["h", 3 : i64, 0.0 : f64]]}) -> tensor<B x 2 x f32> {
  func.return %s : tensor<B x 2 x f32>
}

// -----

// expected-error@+1 {{irc.sample_shape of argument 0 must be a list of sizes of 6 numbers, as a sample has them, not [2 : i64, 2 : i64]}}
func.func @images(%x: tensor<B x 6 x f32> {irc.sample_shape = [2 : i64, 2 : i64]}) -> tensor<B x 6 x f32> {
  func.return %x : tensor<B x 6 x f32>
}

// -----

// expected-error@+1 {{irc.sample_shape of argument 0 must be a list of sizes of 6 numbers, as a sample has them, not [3 : i64]}}
func.func @grids(%x: tensor<B x 2 x 3 x f32> {irc.sample_shape = [3 : i64]}) -> tensor<B x 2 x 3 x f32> {
  func.return %x : tensor<B x 2 x 3 x f32>
}

// -----

// expected-error@+1 {{irc.sample_shape of argument 0 must be a list of sizes of 3 numbers, as a sample has them, not [6 : i64]}}
func.func @open(%x: tensor<B x T x 3 x f32> {irc.sample_shape = [6 : i64]}) -> tensor<B x T x 3 x f32> {
  func.return %x : tensor<B x T x 3 x f32>
}

// -----

// expected-error@+1 {{irc.below of argument 0 must be an integer from 1, not 0}}
func.func @below(%i: tensor<B x i32> {irc.below = 0 : i64}) -> tensor<B x i32> {
  func.return %i : tensor<B x i32>
}

// -----

// expected-error@+1 {{irc.running of argument 0: result 1 must be a vector of f32 of a known size, but is missing}}
func.func @running_result(%w: tensor<4xf32> {irc.param = "w", irc.running = [[0 : i64, 1 : i64]]}) -> tensor<2xf32> {
  %0 = array.slice %w offsets [0] : tensor<4xf32> to tensor<2xf32>
  func.return %0 : tensor<2xf32>
}

// -----

// expected-error@+1 {{irc.running of argument 0: 2 elements from 3 on do not fit into tensor<4xf32>}}
func.func @running_place(%w: tensor<4xf32> {irc.param = "w", irc.running = [[3 : i64, 0 : i64]]}) -> tensor<2xf32> {
  %0 = array.slice %w offsets [0] : tensor<4xf32> to tensor<2xf32>
  func.return %0 : tensor<2xf32>
}

// -----

// expected-error@+1 {{irc.key of argument 0 is for three numbers of i32, not for tensor<2xi32>}}
func.func @key(%k: tensor<2xi32> {irc.key}) -> tensor<2xi32> {
  func.return %k : tensor<2xi32>
}
