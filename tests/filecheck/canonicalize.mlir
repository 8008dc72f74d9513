// RUN: irc-opt %s -p canonicalize | filecheck %s

// Constants are folded, at any depth.
// CHECK-LABEL: func.func @constants
// CHECK-NEXT: %[[C:.*]] = arith.constant 7.000000e+00 : f32
// CHECK-NEXT: func.return %[[C]]
func.func @constants() -> f32 {
  %a = arith.constant 1.5 : f32
  %b = arith.constant 2.0 : f32
  %c = arith.addf %a, %b : f32
  %d = arith.mulf %c, %b : f32
  func.return %d : f32
}

// Neutral elements go.
// CHECK-LABEL: func.func @neutral(%x: f32, %n: index)
// CHECK-NEXT: func.return %x, %n : f32, index
func.func @neutral(%x: f32, %n: index) -> (f32, index) {
  %one = arith.constant 1.0 : f32
  %zero = arith.constant 0 : index
  %y = arith.mulf %x, %one : f32
  %z = arith.divf %y, %one : f32
  %m = arith.addi %n, %zero : index
  func.return %z, %m : f32, index
}

// x + 0.0 is not x where x is -0.0, and x * 0.0 is not 0.0 where x is NaN: both stay.
// CHECK-LABEL: func.func @floats_are_no_reals
// CHECK: arith.addf %x
// CHECK: arith.mulf %{{.*}}
func.func @floats_are_no_reals(%x: f32) -> f32 {
  %zero = arith.constant 0.0 : f32
  %y = arith.addf %x, %zero : f32
  %z = arith.mulf %y, %zero : f32
  func.return %z : f32
}

// x + -0.0 is x for every x.
// CHECK-LABEL: func.func @negative_zero(%x: f32)
// CHECK-NEXT: func.return %x
func.func @negative_zero(%x: f32) -> f32 {
  %zero = arith.constant -0.0 : f32
  %y = arith.addf %x, %zero : f32
  func.return %y : f32
}

// The constant of a commutative op goes to the right; x - 2 keeps its order.
// CHECK-LABEL: func.func @order
// CHECK: arith.mulf %x, %[[TWO:.*]] : f32
// CHECK-NEXT: arith.subf %[[TWO]], %{{.*}} : f32
func.func @order(%x: f32) -> f32 {
  %two = arith.constant 2.0 : f32
  %y = arith.mulf %two, %x : f32
  %z = arith.subf %two, %y : f32
  func.return %z : f32
}

// Two negations cancel.
// CHECK-LABEL: func.func @negations(%x: f32)
// CHECK-NEXT: func.return %x
func.func @negations(%x: f32) -> f32 {
  %y = arith.negf %x : f32
  %z = arith.negf %y : f32
  func.return %z : f32
}

// What is not used goes, with what only it used.
// CHECK-LABEL: func.func @unused(%x: f32)
// CHECK-NEXT: func.return %x
func.func @unused(%x: f32) -> f32 {
  %y = math.exp %x : f32
  %z = math.log %y : f32
  func.return %x : f32
}

// A choice whose condition is known, or between equals, is none.
// CHECK-LABEL: func.func @choices(%p: i1, %x: f32, %y: f32)
// CHECK-NEXT: func.return %x, %y : f32, f32
func.func @choices(%p: i1, %x: f32, %y: f32) -> (f32, f32) {
  %t = arith.constant true
  %a = arith.select %t, %x, %y : f32
  %b = arith.select %p, %y, %y : f32
  func.return %a, %b : f32, f32
}

// Equal sizes make a reshape the identity; two transpositions may be none.
// CHECK-LABEL: func.func @shapes(%x: tensor<B x 4 x f32>)
// CHECK-NEXT: func.return %x, %x
func.func @shapes(%x: tensor<B x 4 x f32>) -> (tensor<B x 4 x f32>, tensor<B x 4 x f32>) {
  %a = array.reshape %x : tensor<B x 4 x f32> to tensor<B x 4 x f32>
  %b = array.transpose %x permutation [1, 0] : tensor<B x 4 x f32>
  %c = array.transpose %b permutation [1, 0] : tensor<4 x B x f32>
  func.return %a, %c : tensor<B x 4 x f32>, tensor<B x 4 x f32>
}

// The columns of a stack are what was stacked.
// CHECK-LABEL: func.func @stack(%x: tensor<B x f32>, %y: tensor<B x f32>)
// CHECK-NEXT: func.return %y
func.func @stack(%x: tensor<B x f32>, %y: tensor<B x f32>) -> tensor<B x f32> {
  %s = array.stack %x, %y axis 1 : tensor<B x f32>, tensor<B x f32>
  %a, %b = array.unstack %s axis 1 : tensor<B x 2 x f32>
  func.return %b : tensor<B x f32>
}

// What a call does is not known here, so it stays.
// CHECK-LABEL: func.func @call
// CHECK-NEXT: func.call @unused(%x)
func.func @call(%x: f32) {
  %y = func.call @unused(%x) : (f32) -> f32
  func.return
}

// Memory is written to: neither dead nor constant.
// CHECK-LABEL: func.func @memory
// CHECK: loop.store
// CHECK-NEXT: func.return
func.func @memory(%x: f32, %b: !loop.buffer<4 x f32>) {
  %i = arith.constant 2 : index
  loop.store %x, %b[%i] : f32, !loop.buffer<4 x f32>
  func.return
}
