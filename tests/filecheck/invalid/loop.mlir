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

func.func @span_of_others(%a: !loop.buffer<6 x f32>, %i: index) {
  // expected-error@+1 {{a span of !loop.buffer<6 x f32> cannot have elements of type f64}}
  %p = loop.span %a[%i] : !loop.buffer<6 x f32> to !loop.buffer<3 x f64>
  func.return
}

// -----

func.func @span_elsewhere(%a: !loop.buffer<6 x f32, row_major, scratch>, %i: index) {
  // expected-error@+1 {{needs buffers that are row-major, in the same space}}
  %p = loop.span %a[%i] : !loop.buffer<6 x f32, row_major, scratch> to !loop.buffer<3 x f32>
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

// -----

func.func @no_dimension(%i: index, %x: !loop.buffer<8 x f32>) {
  // expected-error@+1 {{'loop.load_tile': the rows run along dimension 1, but !loop.buffer<8 x f32> has 1}}
  %t = loop.load_tile %x[%i] down 1 : !loop.buffer<8 x f32> to vector<4x1xf32>
  func.return
}

// -----

func.func @both_along_one(%i: index, %x: !loop.buffer<8 x f32>) {
  // expected-error@+1 {{'loop.load_tile': rows and columns cannot both run along dimension 0}}
  %t = loop.load_tile %x[%i] down 0 across 0 : !loop.buffer<8 x f32> to vector<4x4xf32>
  func.return
}

// -----

func.func @mask_without_columns(%i: index, %x: !loop.buffer<8 x f32>) {
  %m = loop.mask %i : vector<1x4xi1>
  // expected-error@+1 {{'loop.load_tile': a mask needs 'across': it says which columns are touched}}
  %t = loop.load_tile %x[%i] down 0 mask %m : !loop.buffer<8 x f32> to vector<4x4xf32>
  func.return
}

// -----

func.func @other_element(%i: index, %x: !loop.buffer<8 x f32>) {
  // expected-error@+1 {{'loop.load_tile': !loop.buffer<8 x f32> does not hold the elements of vector<1x4xf64>}}
  %t = loop.load_tile %x[%i] across 0 : !loop.buffer<8 x f32> to vector<1x4xf64>
  func.return
}

// -----

func.func @rows_over_each_other(%i: index, %x: !loop.buffer<8 x f32>, %t: vector<4x4xf32>) {
  // expected-error@+1 {{'loop.store_tile': vector<4x4xf32> needs 'down', or elements would be written over each other}}
  loop.store_tile %t, %x[%i] across 0 : vector<4x4xf32>, !loop.buffer<8 x f32>
  func.return
}

// -----

func.func @two_rows(%a: vector<1x4xf32>, %c: vector<4x4xf32>) {
  // expected-error@+1 {{'loop.outer': the product is of a column and a row, not of vector<1x4xf32> and vector<1x4xf32>}}
  %s = "loop.outer"(%a, %a, %c) : (vector<1x4xf32>, vector<1x4xf32>, vector<4x4xf32>) -> vector<4x4xf32>
  func.return
}

// -----

func.func @another_size(%a: vector<2x1xf32>, %b: vector<1x4xf32>, %c: vector<4x4xf32>) {
  // expected-error@+1 {{'loop.outer': vector<2x1xf32> times vector<1x4xf32> cannot be added to vector<4x4xf32>}}
  %s = "loop.outer"(%a, %b, %c) : (vector<2x1xf32>, vector<1x4xf32>, vector<4x4xf32>) -> vector<4x4xf32>
  func.return
}

// -----

func.func @oblong(%a: vector<2x4xf32>) {
  // expected-error@+1 {{'loop.transpose': only square tiles of 1, 2, 4, ... rows are transposed, not vector<2x4xf32>}}
  %t = loop.transpose %a : vector<2x4xf32>
  func.return
}

// -----

func.func @clock() -> i32 {
  // expected-error@+1 {{'loop.clock': result 'ticks' must be i64, got i32}}
  %0 = "loop.clock"() : () -> i32
  func.return %0 : i32
}

// -----

// What is not marked as independent is not shared.
func.func @sequential(%n: index) {
  // expected-error@+1 {{'loop.for': threads share the turns of parallel loops that carry nothing, so 'work' is for such loops}}
  loop.for %i = %n to %n step %n work "64" {
    loop.yield
  }
  func.return
}

// -----

// A sum has an order.
func.func @carried(%n: index, %x: f32) {
  // expected-error@+1 {{'loop.for': threads share the turns of parallel loops that carry nothing, so 'work' is for such loops}}
  %t = loop.for %i = %n to %n step %n parallel work "64" iter_args(%acc = %x) -> (f32) {
    loop.yield %acc : f32
  }
  func.return
}

// -----

func.func @accumulated(%n: index, %x: f32, %a: !loop.buffer<4 x f32>) {
  // expected-error@+1 {{'loop.for': threads share the turns of a loop with 'work', so loop.accumulate cannot stand in it}}
  loop.for %i = %n to %n step %n parallel work "64" {
    loop.accumulate %x, %a[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}

// -----

// All turns would have the same memory, once it is planned.
func.func @own_memory(%n: index) {
  // expected-error@+1 {{'loop.for': threads share the turns of a loop with 'work', so loop.alloc cannot stand in it}}
  loop.for %i = %n to %n step %n parallel work "64" {
    %a = loop.alloc : !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}

// -----

// The store would be done once for each chunk.
func.func @twice(%n: index, %x: f32, %a: !loop.buffer<4 x f32>) {
  loop.for %i = %n to %n step %n parallel work "64" {
    loop.store %x, %a[%i] : f32, !loop.buffer<4 x f32>
    // expected-error@+1 {{'loop.for': 'chunked' is for the parallel loop that is all that writes in one with 'work'}}
    loop.for %j = %n to %n step %n parallel chunked {
      loop.yield
    }
    loop.yield
  }
  func.return
}

// -----

func.func @formula(%n: index) {
  // expected-error@+1 {{'loop.for': }}
  loop.for %i = %n to %n step %n parallel work "4 apples" {
    loop.yield
  }
  func.return
}
