// RUN: irc-opt %s -p 'vectorize{lanes=4 block=16}' | filecheck %s

// A loop with memory of its own: whole blocks without masks first, then what is left, in vectors with masks.
// CHECK-LABEL: func.func @private
// CHECK: %count = arith.subi %N, %c0 : index
// CHECK: %left = arith.remsi %count, %{{.*}} : index
// CHECK: %whole = arith.subi %N, %left : index
// CHECK: loop.for %i = %c0 to %whole step %lanes parallel {
// CHECK-NEXT: loop.alloc : !loop.buffer<4 x vector<16xf32>>
// CHECK-NEXT: loop.load %x[%i] lanes 16 along 0 : !loop.buffer<N x f32>
// CHECK: loop.accumulate %{{.*}}, %dw[%c0] : vector<16xf32>, !loop.buffer<1 x f32>
// CHECK-NOT: mask
// CHECK: loop.for %{{.*}} = %whole to %N step %{{.*}} parallel {
// CHECK: loop.mask %{{.*}} : vector<4xi1>
// CHECK: loop.alloc : !loop.buffer<4 x vector<4xf32>>
// CHECK: loop.load %x[%{{.*}}] lanes 4 along 0 mask
// CHECK: loop.accumulate %{{.*}}, %dw[%c0] mask %{{.*}} : vector<4xf32>, !loop.buffer<1 x f32>
func.func @private(%N: index, %x: !loop.buffer<N x f32>, %dw: !loop.buffer<1 x f32>)
    attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %N step %c1 parallel vectorize {
    %a = loop.alloc : !loop.buffer<4 x f32>
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    loop.store %v, %a[%c0] : f32, !loop.buffer<4 x f32>
    %u = loop.load %a[%c0] : !loop.buffer<4 x f32>
    loop.accumulate %u, %dw[%c0] : f32, !loop.buffer<1 x f32>
    loop.yield
  }
  func.return
}

// Fewer turns than a block has: there are no whole ones.
// CHECK-LABEL: func.func @short
// CHECK-NOT: vector<16xf32>
// CHECK: vector<4xf32>
func.func @short(%x: !loop.buffer<9 x f32>) attributes {irc.symbols_args = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9 = arith.constant 9 : index
  loop.for %i = %c0 to %c9 step %c1 parallel vectorize {
    %a = loop.alloc : !loop.buffer<4 x f32>
    %v = loop.load %x[%i] : !loop.buffer<9 x f32>
    loop.store %v, %a[%c0] : f32, !loop.buffer<4 x f32>
    %u = loop.load %a[%c0] : !loop.buffer<4 x f32>
    loop.store %u, %x[%i] : f32, !loop.buffer<9 x f32>
    loop.yield
  }
  func.return
}

// Without memory of its own a loop shares little, so there are no blocks.
// CHECK-LABEL: func.func @outside
// CHECK-NOT: vector<16xf32>
// CHECK: loop.load %x[%i] lanes 4 along 0 mask
func.func @outside(%N: index, %x: !loop.buffer<N x f32>) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %N step %c1 parallel vectorize {
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    loop.store %v, %x[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  func.return
}
