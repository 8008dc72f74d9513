// RUN: irc-opt %s --split-input-file --verify-diagnostics

// What the verifier says of modules and symbols, and of any op by its declaration.

func.func private @twice()
// expected-error@+1 {{'func.func': the symbol @twice is defined twice}}
func.func private @twice()

// -----

module {
  // expected-error@+1 {{'builtin.module': a module cannot stand inside another op}}
  module {
  }
}

// -----

// expected-error@+1 {{'builtin.module': the module's name is empty}}
"builtin.module"() <{sym_name = ""}> ({
}) : () -> ()

// -----

// expected-error@+1 {{'builtin.module': the module's region has no arguments}}
"builtin.module"() ({
^bb0(%x: f32):
}) : () -> ()

// -----

// expected-error@+1 {{'builtin.module': attribute 'sym_name' must be a string, got 1 : i64}}
"builtin.module"() <{sym_name = 1}> ({
}) : () -> ()

// -----

// A name that is referred to must exist, wherever it stands.
// expected-error@+1 {{'func.func': there is no symbol @g in the module}}
func.func private @f() attributes {test.see = [@g]}

// -----

// Number of operands.
func.func @operands(%x: f32) {
  // expected-error@+1 {{'arith.addf': expected 2 operands, got 1}}
  %y = "arith.addf"(%x) : (f32) -> f32
  func.return
}

// -----

// Number of results.
func.func @results(%x: f32) {
  // expected-error@+1 {{'arith.addf': expected 1 result, got 0}}
  "arith.addf"(%x, %x) : (f32, f32) -> ()
  func.return
}

// -----

// Kinds of operands.
func.func @kind(%n: index) {
  // expected-error@+1 {{'arith.addf': operand 'lhs' must be a float, or a vector or tensor of floats, got index}}
  %y = "arith.addf"(%n, %n) : (index, index) -> index
  func.return
}

// -----

// Types of results.
func.func @inferred(%x: f32) {
  // expected-error@+1 {{'arith.addf': the result must be of type f32, got of type f64}}
  %y = "arith.addf"(%x, %x) : (f32, f32) -> f64
  func.return
}

// -----

// An attribute that is required.
func.func @missing(%x: f32) {
  // expected-error@+1 {{'arith.cmpf': attribute 'predicate' is missing; it must be an integer of type i64}}
  %y = "arith.cmpf"(%x, %x) : (f32, f32) -> i1
  func.return
}

// -----

// An attribute of another kind.
func.func @wrong(%x: f32) {
  // expected-error@+1 {{'arith.cmpf': attribute 'predicate' must be an integer of type i64, got "olt"}}
  %y = "arith.cmpf"(%x, %x) <{predicate = "olt"}> : (f32, f32) -> i1
  func.return
}

// -----

// Numbers of regions.
func.func @regions(%p: i1) {
  // expected-error@+1 {{'loop.if': expected 2 regions, got 0}}
  "loop.if"(%p) : (i1) -> ()
  func.return
}

// -----

// Lengths of groups of operands.
func.func @segments(%b: !loop.buffer<4 x f32>, %i: index) {
  // expected-error@+1 {{'loop.load': 'operandSegmentSizes' must have 3 sizes with the sum 2, got array<i32: 1, 2, 0>}}
  %y = "loop.load"(%b, %i) <{operandSegmentSizes = array<i32: 1, 2, 0>}> : (!loop.buffer<4xf32>, index) -> f32
  func.return
}

// -----

// A terminator stands at the end.
func.func @terminator() {
  // expected-error@+1 {{'func.return': must be the last operation of its block}}
  func.return
  func.return
}

// -----

// An op that belongs into another one.
func.func @parent(%x: f32) {
  // expected-error@+1 {{'loop.yield': must stand directly inside loop.for or loop.if}}
  loop.yield
  func.return
}
