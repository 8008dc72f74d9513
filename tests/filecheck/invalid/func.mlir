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
