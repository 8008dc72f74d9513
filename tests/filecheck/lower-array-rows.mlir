// RUN: irc-opt %s -p "fuse,lower-array" | filecheck %s
// RUN: irc-opt %s -p "fuse,lower-array,vectorize{lanes=8}" | filecheck %s --check-prefix=WIDE

// A softmax is one loop over the rows and three passes over each: the maximum, the sum, the quotient. The exponentials
// wait in the row of the result, and nothing of full size is allocated.
// CHECK-LABEL: func.func @softmax
// CHECK-NOT: loop.alloc
// CHECK: loop.for %i = %c0 to %B step %c1 parallel {
// CHECK-NEXT: %m = loop.for %j = %c0 to %N step %c1 parallel vectorize iter_args
// CHECK-NEXT: loop.load %x[%i, %j]
// CHECK-NEXT: arith.maximumf
// CHECK-NEXT: loop.yield
// CHECK-NEXT: }
// CHECK-NEXT: %s = loop.for %j = %c0 to %N step %c1 parallel vectorize iter_args
// CHECK: math.exp
// CHECK-NEXT: arith.addf
// CHECK-NEXT: loop.store %e, %y[%i, %j]
// CHECK-NEXT: loop.yield
// CHECK-NEXT: }
// CHECK-NEXT: loop.for %j = %c0 to %N step %c1 parallel vectorize {
// CHECK-NEXT: loop.load %y[%i, %j]
// CHECK-NEXT: arith.divf
// CHECK-NEXT: loop.store {{.*}}, %y[%i, %j]
// CHECK-NOT: loop.for
// CHECK: func.return

// The totals become vectors, which are reduced behind each pass.
// WIDE-LABEL: func.func @softmax
// WIDE: loop.for %j = %c0 to %N step %lanes{{.*}} parallel iter_args
// WIDE: loop.reduce "max"
// WIDE: loop.for %j = %c0 to %N step %lanes{{.*}} parallel iter_args
// WIDE: loop.reduce "sum"
// WIDE: loop.for %j = %c0 to %N step %lanes{{.*}} parallel {
func.func @softmax(%x: tensor<B x N x f32>) -> tensor<B x N x f32> {
  %m = array.reduce max %x dims [1] : tensor<B x N x f32>
  %mb = array.broadcast %m dims [0] : tensor<B x f32> to tensor<B x N x f32>
  %d = arith.subf %x, %mb : tensor<B x N x f32>
  %e = math.exp %d : tensor<B x N x f32>
  %s = array.reduce sum %e dims [1] : tensor<B x N x f32>
  %sb = array.broadcast %s dims [0] : tensor<B x f32> to tensor<B x N x f32>
  %y = arith.divf %e, %sb : tensor<B x N x f32>
  func.return %y : tensor<B x N x f32>
}

// A log-sum-exp is two passes, and writes one number for each row.
// CHECK-LABEL: func.func @logsumexp
// CHECK-NOT: loop.alloc
// CHECK: loop.for %i = %c0 to %B
// CHECK-NEXT: %m = loop.for %j
// CHECK: %s = loop.for %j
// CHECK-NOT: loop.for
// CHECK: math.log %s
// CHECK-NEXT: arith.addf
// CHECK-NEXT: loop.store {{.*}}, %y[%i]
// CHECK-NEXT: loop.yield
// CHECK-NEXT: }
// CHECK-NEXT: func.return
func.func @logsumexp(%x: tensor<B x N x f32>) -> tensor<B x f32> {
  %m = array.reduce max %x dims [1] : tensor<B x N x f32>
  %mb = array.broadcast %m dims [0] : tensor<B x f32> to tensor<B x N x f32>
  %d = arith.subf %x, %mb : tensor<B x N x f32>
  %e = math.exp %d : tensor<B x N x f32>
  %s = array.reduce sum %e dims [1] : tensor<B x N x f32>
  %l = math.log %s : tensor<B x f32>
  %y = arith.addf %l, %m : tensor<B x f32>
  func.return %y : tensor<B x f32>
}

// Differences from the mean cost less to compute again than to keep; the sum over rows is accumulated on the way.
// CHECK-LABEL: func.func @normalised
// CHECK-NOT: loop.alloc
// CHECK: loop.for %i = %c0 to %B
// CHECK-NEXT: %s = loop.for %j
// CHECK: %v = loop.for %j
// CHECK: loop.store %r{{.*}}, %r
// CHECK-NEXT: loop.for %j = {{.*}} parallel vectorize {
// CHECK: loop.store {{.*}}, %n[%i, %j]
// CHECK-NEXT: loop.accumulate {{.*}}, %t[%j]
// CHECK-NOT: loop.for
// CHECK: func.return
func.func @normalised(%x: tensor<B x N x f32>) -> (tensor<B x N x f32>, tensor<B x f32>, tensor<N x f32>) {
  %s = array.reduce sum %x dims [1] : tensor<B x N x f32>
  %sb = array.broadcast %s dims [0] : tensor<B x f32> to tensor<B x N x f32>
  %d = arith.subf %x, %sb : tensor<B x N x f32>
  %q = arith.mulf %d, %d : tensor<B x N x f32>
  %v = array.reduce sum %q dims [1] : tensor<B x N x f32>
  %r = math.rsqrt %v : tensor<B x f32>
  %rb = array.broadcast %r dims [0] : tensor<B x f32> to tensor<B x N x f32>
  %n = arith.mulf %d, %rb : tensor<B x N x f32>
  %t = array.reduce sum %n dims [0] : tensor<B x N x f32>
  func.return %n, %r, %t : tensor<B x N x f32>, tensor<B x f32>, tensor<N x f32>
}

// Short rows lie side by side in the lanes: the loop over rows is widened, what is kept is private to a turn.
// CHECK-LABEL: func.func @short
// CHECK: loop.for %i = %c0 to %B step %c1 parallel vectorize {
// CHECK-NEXT: loop.alloc : !loop.buffer<4 x f32>
// CHECK-NOT: vectorize
// CHECK: func.return
// WIDE-LABEL: func.func @short
// WIDE: loop.alloc : !loop.buffer<4 x vector<8xf32>>
func.func @short(%x: tensor<B x 4 x f32>) -> tensor<B x 4 x f32> {
  %e = math.exp %x : tensor<B x 4 x f32>
  %s = array.reduce sum %e dims [1] : tensor<B x 4 x f32>
  %sb = array.broadcast %s dims [0] : tensor<B x f32> to tensor<B x 4 x f32>
  %y = arith.divf %e, %sb : tensor<B x 4 x f32>
  func.return %y : tensor<B x 4 x f32>
}
