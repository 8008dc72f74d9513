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
