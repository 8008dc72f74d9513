// RUN: irc-opt %s | filecheck %s
// RUN: irc-opt %s --print-generic | irc-opt - | filecheck %s
// RUN: irc-opt %s --print-generic | filecheck %s --check-prefix=GENERIC

// Every op and type of the dialect reads back from both forms.

// A buffer's layout and space are words, told where they are not the usual ones.
// CHECK: func.func private @buffers(
// CHECK-NEXT: !loop.buffer<N + 1 x 4 x f32>,
// CHECK-NEXT: !loop.buffer<f64>,
// CHECK-NEXT: !loop.buffer<4 x vector<16xf32>>,
// CHECK-NEXT: !loop.buffer<4 x f32, row_major, scratch>)
func.func private @buffers(!loop.buffer<N+1 x 4 x f32>, !loop.buffer<f64>, !loop.buffer<4 x vector<16xf32>>,
                           !loop.buffer<4 x f32, row_major, scratch>)

// Loops carry values from turn to turn; marks say what may be done to them.
// CHECK-LABEL: func.func @control
// GENERIC: "loop.for"(%a, %n, %s, %x) ({
// GENERIC-NEXT: ^bb0(%i: index, %acc: f32):
// GENERIC: "loop.for"(%a, %n, %s) <{parallel, vectorize}> ({
// GENERIC: "loop.for"(%a, %n, %s) <{parallel, work = "100*N"}> ({
// GENERIC: "loop.for"(%a, %n, %s) <{chunked, parallel}> ({
// GENERIC: "loop.if"(%p) ({
func.func @control(%a: index, %n: index, %s: index, %x: f32, %p: i1) attributes {irc.symbols_args = ["N"]} {
  // CHECK-NEXT: %t = loop.for %i = %a to %n step %s iter_args(%acc = %x) -> (f32) {
  %t = loop.for %i = %a to %n step %s iter_args(%acc = %x) -> (f32) {
    // CHECK-NEXT: %next = arith.addf %acc, %x : f32
    %next = arith.addf %acc, %x : f32
    // CHECK-NEXT: loop.yield %next : f32
    loop.yield %next : f32
  // CHECK-NEXT: }
  }
  // CHECK-NEXT: loop.for %j = %a to %n step %s parallel vectorize {
  loop.for %j = %a to %n step %s parallel vectorize {
    // CHECK-NEXT: loop.yield
    loop.yield
  // CHECK-NEXT: }
  }
  // CHECK-NEXT: loop.for %j = %a to %n step %s parallel work "100*N" {
  loop.for %j = %a to %n step %s parallel work "100*N" {
    // CHECK-NEXT: loop.for %k = %a to %n step %s parallel chunked {
    loop.for %k = %a to %n step %s parallel chunked {
      // CHECK-NEXT: loop.yield
      loop.yield
    // CHECK-NEXT: }
    }
    // CHECK-NEXT: loop.yield
    loop.yield
  // CHECK-NEXT: }
  }
  // CHECK-NEXT: %y = loop.if %p -> (f32) {
  %y = loop.if %p -> (f32) {
    // CHECK-NEXT: loop.yield %x : f32
    loop.yield %x : f32
  // CHECK-NEXT: } else {
  } else {
    // CHECK-NEXT: loop.yield %t : f32
    loop.yield %t : f32
  // CHECK-NEXT: }
  }
  // CHECK-NEXT: loop.if %p {
  loop.if %p {
    // CHECK-NEXT: loop.yield
    loop.yield
  // CHECK-NEXT: }
  }
  func.return
}

// Single elements.
// CHECK-LABEL: func.func @elements
// GENERIC: "loop.load"(%x, %i, %i) <{operandSegmentSizes = array<i32: 1, 2, 0>}>
func.func @elements(%N: index, %i: index, %x: !loop.buffer<N x 4 x f32>) attributes {irc.symbols_args = ["N"]} {
  // CHECK-NEXT: %v = loop.load %x[%i, %i] : !loop.buffer<N x 4 x f32>
  %v = loop.load %x[%i, %i] : !loop.buffer<N x 4 x f32>
  // CHECK-NEXT: loop.store %v, %x[%i, %i] : f32, !loop.buffer<N x 4 x f32>
  loop.store %v, %x[%i, %i] : f32, !loop.buffer<N x 4 x f32>
  // CHECK-NEXT: loop.accumulate %v, %x[%i, %i] : f32, !loop.buffer<N x 4 x f32>
  loop.accumulate %v, %x[%i, %i] : f32, !loop.buffer<N x 4 x f32>
  func.return
}

// Vectors along one dimension, masked where they may reach beyond the end.
// CHECK-LABEL: func.func @lanes
// GENERIC: "loop.load"(%x, %i, %i, %m) <{lanes = 1 : i64, operandSegmentSizes = array<i32: 1, 2, 1>, width = 8 : i64}>
func.func @lanes(%N: index, %i: index, %x: !loop.buffer<N x 4 x f32>) attributes {irc.symbols_args = ["N"]} {
  // CHECK-NEXT: %m = loop.mask %N : vector<8xi1>
  %m = loop.mask %N : vector<8xi1>
  // CHECK-NEXT: %v = loop.load %x[%i, %i] lanes 8 along 1 mask %m : !loop.buffer<N x 4 x f32>
  %v = loop.load %x[%i, %i] lanes 8 along 1 mask %m : !loop.buffer<N x 4 x f32>
  // CHECK-NEXT: loop.store %v, %x[%i, %i] along 0 mask %m : vector<8xf32>, !loop.buffer<N x 4 x f32>
  loop.store %v, %x[%i, %i] along 0 mask %m : vector<8xf32>, !loop.buffer<N x 4 x f32>
  // CHECK-NEXT: loop.accumulate %v, %x[%i, %i] along 0 : vector<8xf32>, !loop.buffer<N x 4 x f32>
  loop.accumulate %v, %x[%i, %i] along 0 : vector<8xf32>, !loop.buffer<N x 4 x f32>
  // CHECK-NEXT: loop.accumulate %v, %x[%i, %i] mask %m : vector<8xf32>, !loop.buffer<N x 4 x f32>
  loop.accumulate %v, %x[%i, %i] mask %m : vector<8xf32>, !loop.buffer<N x 4 x f32>
  func.return
}

// Between scalars and vectors.
// CHECK-LABEL: func.func @vectors
// GENERIC: "loop.reduce"(%v) <{kind = "max"}> : (vector<8xf32>) -> f32
func.func @vectors(%x: f32) {
  // CHECK-NEXT: %v = loop.splat %x : f32 to vector<8xf32>
  %v = loop.splat %x : f32 to vector<8xf32>
  // CHECK-NEXT: %l = loop.lane_ids : vector<8xindex>
  %l = loop.lane_ids : vector<8xindex>
  // CHECK-NEXT: %r = loop.reduce "max" %v : vector<8xf32>
  %r = loop.reduce "max" %v : vector<8xf32>
  func.return
}

// Memory: of a turn's own, or a place in an arena; sizes are formulas of the function's symbols.
// CHECK-LABEL: func.func @memory
// GENERIC: "loop.size"() <{dimension = "4*N"}> : () -> index
func.func @memory(%N: index, %arena: !loop.buffer<64*N x i8>) attributes {irc.symbols_args = ["N"]} {
  // CHECK-NEXT: %a = loop.alloc : !loop.buffer<N x vector<8xf32>>
  %a = loop.alloc : !loop.buffer<N x vector<8xf32>>
  // CHECK-NEXT: %n = loop.size "4*N" : index
  %n = loop.size "4*N" : index
  // CHECK-NEXT: %b = loop.view %arena[%n] : !loop.buffer<64*N x i8> to !loop.buffer<N x f32>
  %b = loop.view %arena[%n] : !loop.buffer<64*N x i8> to !loop.buffer<N x f32>
  // CHECK-NEXT: %c = loop.part %b[%n] : !loop.buffer<N x f32>
  %c = loop.part %b[%n] : !loop.buffer<N x f32>
  // CHECK-NEXT: %d = loop.span %b[%n] : !loop.buffer<N x f32> to !loop.buffer<2 x 3 x f32>
  %d = loop.span %b[%n] : !loop.buffer<N x f32> to !loop.buffer<2 x 3 x f32>
  func.return
}

// Register tiles: the micro-kernel of a matrix product.
// CHECK-LABEL: func.func @tiles
// GENERIC: "loop.load_tile"(%x, %i, %i) <{down = 0 : i64, operandSegmentSizes = array<i32: 1, 2, 0>}>
// GENERIC: "loop.load_tile"(%w, %i, %i, %m) <{across = 1 : i64, operandSegmentSizes = array<i32: 1, 2, 1>}>
// GENERIC: "loop.outer"(%a, %b, %zero)
// GENERIC: "loop.store_tile"(%c, %w, %i, %i, %m) <{across = 1 : i64, down = 0 : i64, operandSegmentSizes = array<i32: 1, 1, 2, 1>}>
func.func @tiles(%i: index, %x: !loop.buffer<8 x 8 x f32>, %w: !loop.buffer<8 x 24 x f32>, %y: !loop.buffer<8 x f32>) {
  %zero = arith.constant dense<0.0> : vector<8x24xf32>
  // CHECK: %m = loop.mask %i : vector<1x24xi1>
  %m = loop.mask %i : vector<1x24xi1>
  // CHECK-NEXT: %a = loop.load_tile %x[%i, %i] down 0 : !loop.buffer<8 x 8 x f32> to vector<8x1xf32>
  %a = loop.load_tile %x[%i, %i] down 0 : !loop.buffer<8 x 8 x f32> to vector<8x1xf32>
  // CHECK-NEXT: %b = loop.load_tile %w[%i, %i] across 1 mask %m : !loop.buffer<8 x 24 x f32> to vector<1x24xf32>
  %b = loop.load_tile %w[%i, %i] across 1 mask %m : !loop.buffer<8 x 24 x f32> to vector<1x24xf32>
  // CHECK-NEXT: %c = loop.outer %a, %b, %zero : vector<8x1xf32>, vector<1x24xf32>
  %c = loop.outer %a, %b, %zero : vector<8x1xf32>, vector<1x24xf32>
  // CHECK-NEXT: loop.store_tile %c, %w[%i, %i] down 0 across 1 mask %m : vector<8x24xf32>, !loop.buffer<8 x 24 x f32>
  loop.store_tile %c, %w[%i, %i] down 0 across 1 mask %m : vector<8x24xf32>, !loop.buffer<8 x 24 x f32>
  // CHECK-NEXT: %d = loop.load_tile %x[%i, %i] down 0 across 1 : !loop.buffer<8 x 8 x f32> to vector<8x8xf32>
  %d = loop.load_tile %x[%i, %i] down 0 across 1 : !loop.buffer<8 x 8 x f32> to vector<8x8xf32>
  // CHECK-NEXT: %t = loop.transpose %d : vector<8x8xf32>
  %t = loop.transpose %d : vector<8x8xf32>
  // CHECK-NEXT: %r = loop.reduce "sum" %t : vector<8x8xf32>
  %r = loop.reduce "sum" %t : vector<8x8xf32>
  // CHECK-NEXT: loop.store_tile %r, %y[%i] across 0 : vector<1x8xf32>, !loop.buffer<8 x f32>
  loop.store_tile %r, %y[%i] across 0 : vector<1x8xf32>, !loop.buffer<8 x f32>
  func.return
}

// A clock stands among whole arrays, too.
// CHECK-LABEL: func.func @clock
// GENERIC: "loop.clock"() : () -> i64
func.func @clock(%x: tensor<4xf32>) -> (tensor<4xf32>, i64) {
  // CHECK: %t = loop.clock : i64
  %t = loop.clock : i64
  func.return %x, %t : tensor<4xf32>, i64
}
