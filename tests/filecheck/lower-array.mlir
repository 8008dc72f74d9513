// RUN: irc-opt %s -p lower-array | filecheck %s

// Sizes come first, then the arguments, then where the results go; a broadcast is a choice of indices.
// CHECK-LABEL: func.func @group(
// CHECK-NEXT: %B: index,
// CHECK-NEXT: %x: !loop.buffer<B x 16 x f32>,
// CHECK-NEXT: %b: !loop.buffer<16 x f32>,
// CHECK-NEXT: %r: !loop.buffer<B x 16 x f32> {irc.output = 0 : i64})
// CHECK-SAME: irc.symbols_args = ["B"]
// CHECK: loop.for %[[I:.*]] = %c0 to %B step %c1 parallel {
// CHECK-NEXT: loop.for %[[J:.*]] = %c0 to %c16 step %c1 parallel vectorize {
// CHECK-NEXT: loop.load %b[%[[J]]]
// CHECK-NEXT: loop.load %x[%[[I]], %[[J]]]
// CHECK-NEXT: arith.addf
// CHECK-NEXT: loop.store %{{.*}}, %r[%[[I]], %[[J]]]
func.func @group(%x: tensor<B x 16 x f32>, %b: tensor<16xf32>) -> tensor<B x 16 x f32> {
  %r = array.fused(%p = %x : tensor<B x 16 x f32>, %q = %b : tensor<16xf32>) -> tensor<B x 16 x f32> {
    %0 = array.broadcast %q dims [1] : tensor<16xf32> to tensor<B x 16 x f32>
    %1 = arith.addf %0, %p : tensor<B x 16 x f32>
    array.yield %1 : tensor<B x 16 x f32>
  }
  func.return %r : tensor<B x 16 x f32>
}

// A sum is accumulated in memory that starts as zero; every turn is independent otherwise.
// CHECK-LABEL: func.func @sum
// CHECK: loop.store %{{.*}}, %s[]
// CHECK: loop.for %[[I:.*]] = %c0 to %B step %c1 parallel vectorize {
// CHECK: loop.accumulate %{{.*}}, %s[]
func.func @sum(%x: tensor<B x f32>) -> tensor<f32> {
  %s = array.reduce sum %x dims [0] : tensor<B x f32>
  func.return %s : tensor<f32>
}

// A maximum is carried by the innermost loop; the vectors run along the other dimension.
// CHECK-LABEL: func.func @max
// CHECK: loop.for %[[I:.*]] = %c0 to %B step %c1 parallel vectorize {
// CHECK-NEXT: loop.for %{{.*}} iter_args
// CHECK: arith.maximumf
// CHECK: loop.store %{{.*}}, %m[%[[I]]]
func.func @max(%x: tensor<B x 16 x f32>) -> tensor<B x f32> {
  %m = array.reduce max %x dims [1] : tensor<B x 16 x f32>
  func.return %m : tensor<B x f32>
}

// A contraction computes eight rows at a time, and then what is left of them.
// CHECK-LABEL: func.func @contract
// CHECK: %[[TILED:.*]] = loop.size "8*(B floordiv 8)"
// CHECK: loop.for %{{.*}} = %c0 to %[[TILED]] step %c8 parallel {
// CHECK: loop.for %{{.*}} parallel vectorize {
// CHECK: loop.for %{{.*}} iter_args
// CHECK: loop.for %{{.*}} = %[[TILED]] to %B step %c1 parallel {
func.func @contract(%x: tensor<B x 32 x f32>, %w: tensor<32x48xf32>) -> tensor<B x 48 x f32> {
  %y = array.contract "bi,io->bo" %x, %w : tensor<B x 32 x f32>, tensor<32x48xf32>
  func.return %y : tensor<B x 48 x f32>
}

// A result that is an argument is copied; one that is returned twice is computed once and copied.
// CHECK-LABEL: func.func @results
// CHECK: math.exp
// CHECK: loop.store %{{.*}}, %y[
// CHECK: loop.load %y[
// CHECK: loop.store %{{.*}}, %y_0[
// CHECK: loop.load %x[
// CHECK: loop.store %{{.*}}, %x_0[
func.func @results(%x: tensor<B x f32>) -> (tensor<B x f32>, tensor<B x f32>, tensor<B x f32>) {
  %y = math.exp %x : tensor<B x f32>
  func.return %y, %y, %x : tensor<B x f32>, tensor<B x f32>, tensor<B x f32>
}

// A call passes sizes, arguments, and memory for the results.
// CHECK-LABEL: func.func @caller
// CHECK: func.call @group(%B, %x, %b, %y)
func.func @caller(%x: tensor<B x 16 x f32>, %b: tensor<16xf32>) -> tensor<B x 16 x f32> {
  %y = func.call @group(%x, %b) : (tensor<B x 16 x f32>, tensor<16xf32>) -> tensor<B x 16 x f32>
  func.return %y : tensor<B x 16 x f32>
}
