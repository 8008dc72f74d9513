// RUN: irc-opt %s -p vectorize{lanes=8} | filecheck %s

// Memory from outside: one lane per turn along the moving index, masked at the tail; a weight is read once.
// CHECK-LABEL: func.func @outside
// CHECK: %lanes = arith.constant 8 : index
// CHECK: loop.for %i = %c0 to %N step %lanes parallel {
// CHECK-NEXT: %left = arith.subi %N, %i : index
// CHECK-NEXT: %active = loop.mask %left : vector<8xi1>
// CHECK-NEXT: %v = loop.load %x[%c1, %i] lanes 8 along 1 mask %active
// CHECK-NEXT: %w = loop.load %weights[%c0] : !loop.buffer<4 x f32>
// CHECK-NEXT: %[[W:.*]] = loop.splat %w : f32 to vector<8xf32>
// CHECK-NEXT: %p = arith.mulf %v, %[[W]] : vector<8xf32>
// CHECK-NEXT: loop.store %p, %y[%i] along 0 mask %active : vector<8xf32>
func.func @outside(%N: index, %x: !loop.buffer<2 x N x f32>, %weights: !loop.buffer<4 x f32>,
                   %y: !loop.buffer<N x f32>) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %N step %c1 parallel vectorize {
    %v = loop.load %x[%c1, %i] : !loop.buffer<2 x N x f32>
    %w = loop.load %weights[%c0] : !loop.buffer<4 x f32>
    %p = arith.mulf %v, %w : f32
    loop.store %p, %y[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  func.return
}

// Memory allocated in the loop is private to a turn: its elements become vectors, and need no mask.
// CHECK-LABEL: func.func @private
// CHECK: %a = loop.alloc : !loop.buffer<4 x vector<8xf32>>
// CHECK: loop.store %v, %a[%c0] : vector<8xf32>, !loop.buffer<4 x vector<8xf32>>
// CHECK: %u = loop.load %a[%c0] : !loop.buffer<4 x vector<8xf32>>
func.func @private(%N: index, %x: !loop.buffer<N x f32>) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %N step %c1 parallel vectorize {
    %a = loop.alloc : !loop.buffer<4 x f32>
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    loop.store %v, %a[%c0] : f32, !loop.buffer<4 x f32>
    %u = loop.load %a[%c0] : !loop.buffer<4 x f32>
    loop.store %u, %x[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  func.return
}

// All turns add to one element: the lanes are summed first, without those beyond the end.
// CHECK-LABEL: func.func @gradient
// CHECK: loop.accumulate %v, %dw[%c0] mask %active : vector<8xf32>, !loop.buffer<1 x f32>
func.func @gradient(%N: index, %x: !loop.buffer<N x f32>, %dw: !loop.buffer<1 x f32>)
    attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %N step %c1 parallel vectorize {
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    loop.accumulate %v, %dw[%c0] : f32, !loop.buffer<1 x f32>
    loop.yield
  }
  func.return
}

// A carried sum becomes a vector of partial sums, reduced after the loop; masked lanes add -0.0, which changes nothing.
// CHECK-LABEL: func.func @sum
// CHECK: %[[T:.*]] = loop.for %i = %c0 to %N step %lanes iter_args(%s = %{{.*}}) -> (vector<8xf32>) {
// CHECK: arith.select %active, %v, %{{.*}} : vector<8xi1>, vector<8xf32>
// CHECK: %[[R:.*]] = loop.reduce "sum" %[[T]] : vector<8xf32>
// CHECK-NEXT: arith.addf %start, %[[R]] : f32
func.func @sum(%N: index, %start: f32, %x: !loop.buffer<N x f32>, %y: !loop.buffer<1 x f32>)
    attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %total = loop.for %i = %c0 to %N step %c1 vectorize iter_args(%s = %start) -> (f32) {
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    %next = arith.addf %s, %v : f32
    loop.yield %next : f32
  }
  loop.store %total, %y[%c0] : f32, !loop.buffer<1 x f32>
  func.return
}

// Lanes that disagree on a branch compute both sides and choose.
// CHECK-LABEL: func.func @choose
// CHECK-NOT: loop.if
// CHECK: arith.select %p, %d, %v : vector<8xi1>, vector<8xf32>
func.func @choose(%N: index, %x: !loop.buffer<N x f32>) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %N step %c1 parallel vectorize {
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    %d = arith.addf %v, %v : f32
    %p = arith.cmpf ogt, %v, %d : f32
    %r = loop.if %p -> (f32) {
      loop.yield %d : f32
    } else {
      loop.yield %v : f32
    }
    loop.store %r, %x[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  func.return
}

// An index that is not the counter plus something shared does not fit: the loop stays as it is.
// CHECK-LABEL: func.func @strided
// CHECK: loop.for %i = %c0 to %N step %c1 parallel vectorize {
// CHECK-NOT: vector
func.func @strided(%N: index, %x: !loop.buffer<2*N x f32>) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  loop.for %i = %c0 to %N step %c1 parallel vectorize {
    %j = arith.muli %i, %c2 : index
    %v = loop.load %x[%j] : !loop.buffer<2*N x f32>
    loop.store %v, %x[%j] : f32, !loop.buffer<2*N x f32>
    loop.yield
  }
  func.return
}
