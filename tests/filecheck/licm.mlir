// RUN: irc-opt %s -p licm | filecheck %s

// A pure op whose operands come from outside moves out of both loops; what depends on a counter stays.
// CHECK-LABEL: func.func @pure
// CHECK: %r = math.sqrt %a : f32
// CHECK-NEXT: loop.for %i
// CHECK-NEXT: %k = arith.addi %i, %c1 : index
// CHECK-NEXT: loop.for %j
// CHECK-NEXT: loop.store %r, %y[%k]
func.func @pure(%N: index, %a: f32, %y: !loop.buffer<N + 1 x f32>) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %N step %c1 {
    loop.for %j = %c0 to %N step %c1 {
      %r = math.sqrt %a : f32
      %k = arith.addi %i, %c1 : index
      loop.store %r, %y[%k] : f32, !loop.buffer<N + 1 x f32>
      loop.yield
    }
    loop.yield
  }
  func.return
}

// A loop that runs for certain lets go of a read of memory that nothing in it writes.
// CHECK-LABEL: func.func @read
// CHECK: %w = loop.load %x[%c0]
// CHECK-NEXT: loop.for
func.func @read(%x: !loop.buffer<4 x f32>, %y: !loop.buffer<4 x f32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  loop.for %i = %c0 to %c4 step %c1 {
    %w = loop.load %x[%c0] : !loop.buffer<4 x f32>
    loop.store %w, %y[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}

// The loop may have no turn, and then %x no element: the read stays.
// CHECK-LABEL: func.func @maybe_empty
// CHECK: loop.for
// CHECK-NEXT: loop.load
func.func @maybe_empty(%N: index, %x: !loop.buffer<N x f32>, %y: !loop.buffer<N x f32>)
    attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %N step %c1 {
    %w = loop.load %x[%c0] : !loop.buffer<N x f32>
    loop.store %w, %y[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  func.return
}

// The loop writes to the memory that is read: the read stays.
// CHECK-LABEL: func.func @written
// CHECK: loop.for
// CHECK-NEXT: loop.load
func.func @written(%x: !loop.buffer<4 x f32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  loop.for %i = %c0 to %c4 step %c1 {
    %w = loop.load %x[%c0] : !loop.buffer<4 x f32>
    loop.store %w, %x[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}

// A part of a buffer is the same memory: what writes to it writes to the whole, so the read stays.
// CHECK-LABEL: func.func @parts
// CHECK: %p = loop.part %a[%zero]
// CHECK-NEXT: loop.for
// CHECK-NEXT: %v = loop.load %a[%zero, %zero]
func.func @parts(%a: !loop.buffer<4 x 4 x f32>, %x: f32) {
  %zero = arith.constant 0 : index
  %one = arith.constant 1 : index
  %four = arith.constant 4 : index
  loop.for %i = %zero to %four step %one {
    %p = loop.part %a[%zero] : !loop.buffer<4 x 4 x f32>
    %v = loop.load %a[%zero, %zero] : !loop.buffer<4 x 4 x f32>
    %y = arith.addf %v, %x : f32
    loop.store %y, %p[%zero] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}
