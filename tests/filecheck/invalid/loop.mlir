// RUN: irc-opt %s --split-input-file --verify-diagnostics

// expected-error@+1 {{'tensor<f32>' is not the type of an element of a buffer}}
func.func private @element(!loop.buffer<4 x tensor<f32>>)

// -----

// expected-error@+1 {{expected a layout and a space, each one word, after the element type}}
func.func private @words(!loop.buffer<4 x f32, row_major, scratch, more>)

// -----

func.func @yields_less(%n: index, %x: f32) {
  // expected-error@+1 {{'loop.for': loop.yield gives (), the results are (f32)}}
  %t = loop.for %i = %n to %n step %n iter_args(%acc = %x) -> (f32) {
    loop.yield
  }
  func.return
}

// -----

func.func @no_yield(%n: index) {
  // expected-error@+1 {{'loop.for': the region must end with loop.yield}}
  "loop.for"(%n, %n, %n) ({
  ^bb0(%i: index):
  }) : (index, index, index) -> ()
  func.return
}

// -----

func.func @no_counter(%n: index) {
  // expected-error@+1 {{'loop.for': the region must have arguments (index), it has ()}}
  "loop.for"(%n, %n, %n) ({
    loop.yield
  }) : (index, index, index) -> ()
  func.return
}

// -----

func.func @bound(%n: i64) {
  // expected-error@+1 {{%n is of type i64, but is used as index}}
  loop.for %i = %n to %n step %n {
    loop.yield
  }
  func.return
}

// -----

func.func @condition(%n: index) {
  // expected-error@+1 {{%n is of type index, but is used as i1}}
  loop.if %n {
    loop.yield
  }
  func.return
}

// -----

func.func @no_else(%p: i1, %x: f32) {
  // expected-error@+1 {{'loop.if': results need an 'else' side}}
  %y = loop.if %p -> (f32) {
    loop.yield %x : f32
  }
  func.return
}

// -----

func.func @side(%p: i1, %x: f32, %d: f64) {
  // expected-error@+1 {{'loop.if': loop.yield gives (f64), the results are (f32)}}
  %y = loop.if %p -> (f32) {
    loop.yield %x : f32
  } else {
    loop.yield %d : f64
  }
  func.return
}

// -----

func.func @indices(%b: !loop.buffer<4 x 4 x f32>, %i: index) {
  // expected-error@+1 {{'loop.load': !loop.buffer<4 x 4 x f32> needs 2 indices, not 1}}
  %x = loop.load %b[%i] : !loop.buffer<4 x 4 x f32>
  func.return
}

// -----

func.func @no_buffer(%b: tensor<4xf32>, %i: index) {
  // expected-error@+1 {{'loop.load': expected a buffer, got tensor<4xf32>}}
  %x = loop.load %b[%i] : tensor<4xf32>
  func.return
}

// -----

func.func @along(%b: !loop.buffer<4 x f32>, %i: index) {
  // expected-error@+1 {{'loop.load': lanes run along dimension 1, but !loop.buffer<4 x f32> has 1}}
  %x = loop.load %b[%i] lanes 4 along 1 : !loop.buffer<4 x f32>
  func.return
}

// -----

func.func @lanes_of_vectors(%b: !loop.buffer<4 x vector<4xf32>>, %i: index) {
  // expected-error@+1 {{'loop.load': lanes cannot run over a buffer of vectors, !loop.buffer<4 x vector<4xf32>>}}
  %x = loop.load %b[%i] lanes 4 along 0 : !loop.buffer<4 x vector<4xf32>>
  func.return
}

// -----

func.func @width(%b: !loop.buffer<4 x f32>, %i: index) {
  // expected-error@+1 {{'loop.load': 'lanes' and 'width' must be given together}}
  %x = "loop.load"(%b, %i) <{lanes = 0, operandSegmentSizes = array<i32: 1, 1, 0>}> : (!loop.buffer<4xf32>, index) -> f32
  func.return
}

// -----

func.func @mask(%b: !loop.buffer<4 x f32>, %i: index, %m: vector<8xi1>) {
  // expected-error@+1 {{%m is of type vector<8xi1>, but is used as vector<4xi1>}}
  %x = loop.load %b[%i] lanes 4 along 0 mask %m : !loop.buffer<4 x f32>
  func.return
}

// -----

func.func @stores(%b: !loop.buffer<4 x f32>, %i: index, %x: f64) {
  // expected-error@+1 {{'loop.store': cannot write f64 to !loop.buffer<4 x f32>}}
  loop.store %x, %b[%i] : f64, !loop.buffer<4 x f32>
  func.return
}

// -----

func.func @lanes_of_a_scalar(%b: !loop.buffer<4 x f32>, %i: index, %x: f32) {
  // expected-error@+1 {{'loop.store': lanes need a vector, not f32}}
  loop.store %x, %b[%i] along 0 : f32, !loop.buffer<4 x f32>
  func.return
}

// -----

func.func @adds(%b: !loop.buffer<4 x f32>, %i: index, %x: vector<4xf64>) {
  // expected-error@+1 {{'loop.accumulate': cannot add vector<4xf64> to !loop.buffer<4 x f32>}}
  loop.accumulate %x, %b[%i] : vector<4xf64>, !loop.buffer<4 x f32>
  func.return
}

// -----

func.func @arena(%b: !loop.buffer<4 x f32>, %i: index) {
  // expected-error@+1 {{'loop.view': an arena is a buffer of bytes, !loop.buffer<S x i8>, not !loop.buffer<4 x f32>}}
  %v = loop.view %b[%i] : !loop.buffer<4 x f32> to !loop.buffer<2 x f32>
  func.return
}

// -----

func.func @splat(%x: f32) {
  // expected-error@+1 {{'loop.splat': cannot splat f32 to vector<4xf64>}}
  %v = loop.splat %x : f32 to vector<4xf64>
  func.return
}

// -----

func.func @lane_ids() {
  // expected-error@+1 {{'loop.lane_ids': lane numbers are of type index, not i32}}
  %v = loop.lane_ids : vector<4xi32>
  func.return
}

// -----

func.func @reduction(%v: vector<4xf32>) {
  // expected-error@+1 {{'loop.reduce': there is no reduction 'median'}}
  %x = loop.reduce "median" %v : vector<4xf32>
  func.return
}

// -----

// Lanes are combined in a tree.
func.func @power_of_two(%v: vector<6xf32>) {
  // expected-error@+1 {{'loop.reduce': lanes are combined in a tree, so their number must be a power of two, not 6}}
  %x = loop.reduce "sum" %v : vector<6xf32>
  func.return
}

// -----

func.func @formula() {
  // expected-error@+1 {{'loop.size': expected a number, a symbol or '(' in dimension '2 *'}}
  %n = loop.size "2 *" : index
  func.return
}

// -----

func.func @part_of_one(%a: !loop.buffer<f32>, %i: index) {
  // expected-error@+1 {{expected a buffer with a dimension, got !loop.buffer<f32>}}
  %p = loop.part %a[%i] : !loop.buffer<f32>
  func.return
}

// -----

// An access that certainly happens must lie within its buffer, where both are known.
func.func @beyond(%a: !loop.buffer<4 x f32>) {
  %i = arith.constant 4 : index
  // expected-error@+1 {{'loop.load': index 0 is 4, outside of !loop.buffer<4 x f32>}}
  %x = loop.load %a[%i] : !loop.buffer<4 x f32>
  func.return
}

// -----

func.func @before(%a: !loop.buffer<B x f32>, %x: f32) {
  %i = arith.constant -1 : index
  // expected-error@+1 {{'loop.store': index 0 is -1, outside of !loop.buffer<B x f32>}}
  loop.store %x, %a[%i] : f32, !loop.buffer<B x f32>
  func.return
}

// -----

func.func @lanes_beyond(%a: !loop.buffer<B x 6 x f32>) {
  %i = arith.constant 0 : index
  %j = arith.constant 3 : index
  // expected-error@+1 {{'loop.load': index 1 is 3 to 6, outside of !loop.buffer<B x 6 x f32>}}
  %x = loop.load %a[%i, %j] lanes 4 along 1 : !loop.buffer<B x 6 x f32>
  func.return
}
