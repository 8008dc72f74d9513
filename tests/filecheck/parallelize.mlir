// RUN: irc-opt %s -p parallelize --target=avx512 | filecheck %s
// RUN: irc-opt %s -p 'parallelize,parallelize' --target=avx512 | filecheck %s

// Threads share the tiles of a product: the columns, and the rows of each, which are all that the loop over columns
// does. A turn of the innermost loop takes 8 numbers, 3 vectors and 24 of sums; finished, the sums are 24 more. So a tile
// is 256 * 35 + 24 of work, and there are two across.
// CHECK-LABEL: func.func @tiles
// CHECK: irc.team
// CHECK: loop.for %n = {{.*}} parallel work "17968*(B floordiv 8)" {
// CHECK-NEXT: loop.for %m = {{.*}} parallel chunked {
// CHECK-NEXT: loop.for %k = %c0 to %c256 step %c1 iter_args
func.func @tiles(%B: index, %a: !loop.buffer<B x 256 x f32>, %b: !loop.buffer<256 x 96 x f32>,
                 %c: !loop.buffer<B x 96 x f32>) attributes {irc.symbols_args = ["B"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %c48 = arith.constant 48 : index
  %c96 = arith.constant 96 : index
  %c256 = arith.constant 256 : index
  %rows = loop.size "8*(B floordiv 8)" : index
  %zero = arith.constant dense<0.0> : vector<8x48xf32>
  loop.for %n = %c0 to %c96 step %c48 parallel {
    loop.for %m = %c0 to %rows step %c8 parallel {
      %s = loop.for %k = %c0 to %c256 step %c1 iter_args(%acc = %zero) -> (vector<8x48xf32>) {
        %x = loop.load_tile %a[%m, %k] down 0 : !loop.buffer<B x 256 x f32> to vector<8x1xf32>
        %y = loop.load_tile %b[%k, %n] across 1 : !loop.buffer<256 x 96 x f32> to vector<1x48xf32>
        %next = loop.outer %x, %y, %acc : vector<8x1xf32>, vector<1x48xf32>
        loop.yield %next : vector<8x48xf32>
      }
      loop.store_tile %s, %c[%m, %n] down 0 across 1 : vector<8x48xf32>, !loop.buffer<B x 96 x f32>
      loop.yield
    }
    loop.yield
  }
  func.return
}

// A loop inside one that goes step by step is shared in each of its turns; who calls hands its team on.
// CHECK-LABEL: func.func @steps
// CHECK-SAME: irc.team
// CHECK: loop.for %t = %c0 to %N step %c1 {
// CHECK-NEXT: loop.for %i = %c0 to %N step %c1 parallel work "102*N" {
// CHECK-LABEL: func.func @caller
// CHECK-SAME: irc.team
func.func @steps(%N: index, %x: !loop.buffer<N x f32>) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c100 = arith.constant 100 : index
  loop.for %t = %c0 to %N step %c1 {
    loop.for %i = %c0 to %N step %c1 parallel {
      %v = loop.load %x[%i] : !loop.buffer<N x f32>
      %s = loop.for %k = %c0 to %c100 step %c1 iter_args(%acc = %v) -> (f32) {
        %next = arith.mulf %acc, %v : f32
        loop.yield %next : f32
      }
      loop.store %s, %x[%i] : f32, !loop.buffer<N x f32>
      loop.yield
    }
    loop.yield
  }
  func.return
}
func.func @caller(%N: index, %x: !loop.buffer<N x f32>) attributes {irc.symbols_args = ["N"]} {
  func.call @steps(%N, %x) : (index, !loop.buffer<N x f32>) -> ()
  func.return
}

// Sums have an order, and memory of a turn is its own: these are left to one thread.
// CHECK-LABEL: func.func @left
// CHECK-NOT: work
// CHECK-NOT: irc.team
func.func @left(%N: index, %x: !loop.buffer<N x f32>, %y: !loop.buffer<4 x f32>) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  loop.for %i = %c0 to %N step %c1 parallel {
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    loop.accumulate %v, %y[%c0] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  %s = loop.for %i = %c0 to %N step %c1 parallel iter_args(%acc = %zero) -> (f32) {
    %v = loop.load %x[%i] : !loop.buffer<N x f32>
    %next = arith.addf %acc, %v : f32
    loop.yield %next : f32
  }
  loop.store %s, %y[%c0] : f32, !loop.buffer<4 x f32>
  loop.for %i = %c0 to %N step %c1 parallel {
    %own = loop.alloc : !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}

// To start threads for so little would take longer.
// CHECK-LABEL: func.func @small
// CHECK-NOT: work
func.func @small(%x: !loop.buffer<64 x f32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  loop.for %i = %c0 to %c64 step %c1 parallel {
    loop.store %zero, %x[%i] : f32, !loop.buffer<64 x f32>
    loop.yield
  }
  func.return
}

// A sum over blocks of %k: how long the loop inside is follows from its bounds, k and min(k + 1024, 3072).
// CHECK-LABEL: func.func @blocks
// CHECK: loop.for %n = {{.*}} parallel work "65664"
func.func @blocks(%x: !loop.buffer<64 x f32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %c1024 = arith.constant 1024 : index
  %c3072 = arith.constant 3072 : index
  loop.for %k = %c0 to %c3072 step %c1024 {
    %next = arith.addi %k, %c1024 : index
    %end = arith.minsi %next, %c3072 : index
    loop.for %n = %c0 to %c64 step %c1 parallel {
      %v = loop.load %x[%n] : !loop.buffer<64 x f32>
      %s = loop.for %i = %k to %end step %c1 iter_args(%acc = %v) -> (f32) {
        %sum = arith.addf %acc, %v : f32
        loop.yield %sum : f32
      }
      loop.store %s, %x[%n] : f32, !loop.buffer<64 x f32>
      loop.yield
    }
    loop.yield
  }
  func.return
}

// Turns with memory of their own run one after the other, but threads share what is inside.
// CHECK-LABEL: func.func @packed
// CHECK: loop.for %i = {{.*}} parallel {
// CHECK: loop.for %j = {{.*}} parallel work
func.func @packed(%N: index, %x: !loop.buffer<N x f32>) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  loop.for %i = %c0 to %N step %c1 parallel {
    %own = loop.alloc : !loop.buffer<4096 x f32>
    %c4096 = arith.constant 4096 : index
    loop.for %j = %c0 to %c4096 step %c1 parallel {
      %v = loop.load %x[%i] : !loop.buffer<N x f32>
      %a = math.sqrt %v : f32
      %b = math.sqrt %a : f32
      %c = math.sqrt %b : f32
      %d = math.sqrt %c : f32
      %e = math.sqrt %d : f32
      %f = math.sqrt %e : f32
      %g = math.sqrt %f : f32
      loop.store %g, %own[%j] : f32, !loop.buffer<4096 x f32>
      loop.yield
    }
    loop.yield
  }
  func.return
}
