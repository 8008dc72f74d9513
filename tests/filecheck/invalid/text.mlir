// RUN: irc-opt %s --split-input-file --verify-diagnostics

// What cannot be read: the first thing that is wrong, with its place.

// expected-error@+1 {{unknown dialect 'test' of op 'test.nothing'}}
"test.nothing"() : () -> ()

// -----

// A dialect that is known, an op that is not.
func.func @f(%x: f32) {
  // expected-error@+1 {{unknown op 'arith.add'; did you mean 'arith.addi'?}}
  %y = arith.add %x, %x : f32
  func.return
}

// -----

// expected-error@+1 {{unknown type 'f3'}}
func.func @unknown_type(%x: f3)

// -----

// expected-error@+1 {{unknown type '!test.box'}}
func.func @unknown_dialect_type(%x: !test.box<f32>)

// -----

// expected-error@+1 {{unknown attribute '#arith.unknown'}}
module attributes {a = #arith.unknown<fast>} {
}

// -----

// A value must be defined somewhere.
func.func @undefined(%x: f32) {
  // expected-error@+1 {{%y is not defined}}
  %z = arith.addf %x, %y : f32
  func.return
}

// -----

// In a function, a value must be defined before its use.
func.func @order(%x: f32) {
  // expected-error@+1 {{%z is used before its definition}}
  %y = arith.addf %x, %z : f32
  %z = arith.mulf %x, %x : f32
  func.return
}

// -----

func.func @redefinition(%x: f32) {
  %y = arith.addf %x, %x : f32
  // expected-error@+1 {{%y is defined twice}}
  %y = arith.mulf %x, %x : f32
  func.return
}

// -----

// Two arguments of one name.
func.func @arguments(%x: f32, %x: f32) {
  // expected-error@+1 {{%x is defined twice}}
  func.return
}

// -----

// A value of a region is not known outside of it.
func.func @scope(%p: i1, %x: f32) {
  loop.if %p {
    %y = math.exp %x : f32
    loop.yield
  }
  // expected-error@+1 {{%y is not defined}}
  %z = math.exp %y : f32
  func.return
}

// -----

// A function sees nothing from outside.
func.func @f(%x: f32) {
  func.return
}
func.func @isolated() {
  // expected-error@+1 {{%x is not defined}}
  %z = math.exp %x : f32
  func.return
}

// -----

// The type at a use is that of the definition.
func.func @type(%x: f32) {
  // expected-error@+1 {{%x is of type f32, but is used as f64}}
  %z = arith.addf %x, %x : f64
  func.return
}

// -----

func.func @no_results(%x: f32) {
  // expected-error@+1 {{'func.return' has 0 results, but 1 are named}}
  %z = func.return
}

// -----

func.func @too_many_results(%x: f32) {
  // expected-error@+1 {{'math.exp' has 1 results, but 2 are named}}
  %z:2 = math.exp %x : f32
  func.return
}

// -----

func.func @result_number(%x: tensor<2xf32>) {
  %z:2 = array.unstack %x axis 0 : tensor<2xf32>
  // expected-error@+1 {{there is no %z#2: %z stands for 2 values}}
  %y = math.exp %z#2 : tensor<f32>
  func.return
}

// -----

// expected-error@+1 {{expected ')', got '->'}}
func.func private @missing_bracket(f32 -> f32

// -----

func.func @unclosed(%x: f32) {
  // expected-error@+3 {{the region is not closed: expected '}'}}
  func.return

// -----

// expected-error@+1 {{the string is not closed on its line}}
module attributes {s = "unclosed} {
}

// -----

// expected-error@+1 {{expected '}', got 'e'}}
module attributes {n = 1.e} {
}

// -----

// expected-error@+1 {{the attribute 'a' is given twice}}
module attributes {a = 1, a = 2} {
}

// -----

// expected-error@+1 {{the elements have the shape [2], which is not that of tensor<3xf32>}}
module attributes {d = dense<[1.0, 2.0]> : tensor<3xf32>} {
}

// -----

// expected-error@+1 {{lists of 2 and of 1 elements side by side}}
module attributes {d = dense<[[1, 2], [3]]> : tensor<2x2xi32>} {
}

// -----

// expected-error@+1 {{the text has no resource 'nowhere'}}
module attributes {d = dense_resource<nowhere> : tensor<2xi32>} {
}

// -----

// i8 holds -128 to 255.
// expected-error@+1 {{300 does not fit i8}}
module attributes {n = 300 : i8} {
}

// -----

// expected-error@+1 {{the size -1 is negative}}
func.func private @size(tensor<B x -1 x f32>)

// -----

// expected-error@+1 {{expected ')', got '>'}}
func.func private @size(tensor<2*(B+ x f32>)

// -----

// expected-error@+1 {{unknown element type 'tensor<f32>'}}
func.func private @element(tensor<2 x tensor<f32>>)

// -----

// Vectors have fixed sizes.
// expected-error@+1 {{a vector needs at least one dimension, each a positive number}}
func.func private @vector(vector<B x f32>)

// -----

// One line of garbage.
// expected-error@+1 {{expected an operation, got '@'}}
@@ ??
