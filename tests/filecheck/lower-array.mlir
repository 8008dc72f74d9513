// RUN: irc-opt %s -p lower-array --target=avx512 | filecheck %s

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

// A sum over rows is accumulated in memory that starts as zero; every turn is independent otherwise.
// CHECK-LABEL: func.func @sum_over_rows
// CHECK: loop.store %{{.*}}, %s[%i]
// CHECK: loop.for %[[I:.*]] = %c0 to %B step %c1 parallel {
// CHECK-NEXT: loop.for %[[J:.*]] = %c0 to %c16 step %c1 parallel vectorize {
// CHECK: loop.accumulate %{{.*}}, %s[%[[J]]]
func.func @sum_over_rows(%x: tensor<B x 16 x f32>) -> tensor<16xf32> {
  %s = array.reduce sum %x dims [0] : tensor<B x 16 x f32>
  func.return %s : tensor<16xf32>
}

// A sum along the innermost dimension is carried, and written once.
// CHECK-LABEL: func.func @sum
// CHECK: %[[SUM:.*]] = loop.for %{{.*}} = %c0 to %B step %c1 parallel vectorize iter_args
// CHECK: loop.store %[[SUM]], %s[]
func.func @sum(%x: tensor<B x f32>) -> tensor<f32> {
  %s = array.reduce sum %x dims [0] : tensor<B x f32>
  func.return %s : tensor<f32>
}

// So is a maximum. Of short rows, several lie in the lanes of a vector.
// CHECK-LABEL: func.func @max_of_short_rows
// CHECK: loop.for %[[I:.*]] = %c0 to %B step %c1 parallel vectorize {
// CHECK-NEXT: loop.for %{{.*}} iter_args
// CHECK: arith.maximumf
// CHECK: loop.store %{{.*}}, %m[%[[I]]]
func.func @max_of_short_rows(%x: tensor<B x 4 x f32>) -> tensor<B x f32> {
  %m = array.reduce max %x dims [1] : tensor<B x 4 x f32>
  func.return %m : tensor<B x f32>
}
// CHECK-LABEL: func.func @max
// CHECK: loop.for %[[I:.*]] = %c0 to %B step %c1 parallel {
// CHECK-NEXT: %[[MAX:.*]] = loop.for %{{.*}} parallel vectorize iter_args
// CHECK: arith.maximumf
// CHECK: loop.store %[[MAX]], %m[%[[I]]]
func.func @max(%x: tensor<B x 16 x f32>) -> tensor<B x f32> {
  %m = array.reduce max %x dims [1] : tensor<B x 16 x f32>
  func.return %m : tensor<B x f32>
}

// A contraction computes tiles of eight rows, then the rows that are left. Its sums are in registers, over all products.
// CHECK-LABEL: func.func @contract
// CHECK: %[[TILED:.*]] = loop.size "8*(B floordiv 8)"
// CHECK: loop.for %[[B:.*]] = %c0 to %[[TILED]] step %c8 parallel {
// CHECK-NEXT: %[[SUMS:.*]] = loop.for %[[I:.*]] = %c0 to %c32 step %c1 iter_args(%[[SUM:.*]] = %{{.*}}) -> (vector<8x48xf32>) {
// CHECK-NEXT: %[[COLUMN:.*]] = loop.load_tile %x[%[[B]], %[[I]]] down 0 : {{.*}} to vector<8x1xf32>
// CHECK-NEXT: %[[ROW:.*]] = loop.load_tile %w[%[[I]], %c0] across 1 : {{.*}} to vector<1x48xf32>
// CHECK-NEXT: %[[NEXT:.*]] = loop.outer %[[COLUMN]], %[[ROW]], %[[SUM]]
// CHECK-NEXT: loop.yield %[[NEXT]]
// CHECK-NEXT: }
// CHECK-NEXT: loop.store_tile %[[SUMS]], %y[%[[B]], %c0] down 0 across 1 : vector<8x48xf32>
// CHECK: loop.for %{{.*}} = %[[TILED]] to %B step %c1 parallel {
func.func @contract(%x: tensor<B x 32 x f32>, %w: tensor<32x48xf32>) -> tensor<B x 48 x f32> {
  %y = array.contract "bi,io->bo" %x, %w : tensor<B x 32 x f32>, tensor<32x48xf32>
  func.return %y : tensor<B x 48 x f32>
}

// What is fused to it is done with each tile. Columns that fill no vector are masked.
// CHECK-LABEL: func.func @bias
// CHECK: %[[MASK:.*]] = loop.mask %{{.*}} : vector<1x16xi1>
// CHECK: %[[SUMS:.*]] = loop.for
// CHECK: loop.load_tile %w[%{{.*}}] across 1 mask %[[MASK]]
// CHECK: }
// CHECK-NEXT: %[[BIAS:.*]] = loop.load_tile %b[%c0] across 0 mask %[[MASK]] : {{.*}} to vector<4x16xf32>
// CHECK-NEXT: %[[Y:.*]] = arith.addf %[[SUMS]], %[[BIAS]] : vector<4x16xf32>
// CHECK-NEXT: loop.store_tile %[[Y]], %y[%c0, %c0] down 0 across 1 mask %[[MASK]]
func.func @bias(%x: tensor<4x8xf32>, %w: tensor<8x13xf32>, %b: tensor<13xf32>) -> tensor<4x13xf32> {
  %y = array.fused(%x1 = %x : tensor<4x8xf32>, %w1 = %w : tensor<8x13xf32>, %b1 = %b : tensor<13xf32>) -> tensor<4x13xf32> {
    %z = array.contract "bi,io->bo" %x1, %w1 : tensor<4x8xf32>, tensor<8x13xf32>
    %c = array.broadcast %b1 dims [1] : tensor<13xf32> to tensor<4x13xf32>
    %s = arith.addf %z, %c : tensor<4x13xf32>
    array.yield %s : tensor<4x13xf32>
  }
  func.return %y : tensor<4x13xf32>
}

// A right operand with its products side by side is packed first, by transposed squares. Its vectors are masked: eight of
// its thirteen columns are whole squares, the others go one by one.
// CHECK-LABEL: func.func @packed
// CHECK: %[[PANELS:.*]] = loop.alloc : !loop.buffer<1 x 8 x 16 x f32>
// CHECK: %[[SQUARE:.*]] = loop.load_tile %w[%c0, %c0] down 0 across 1 : {{.*}} to vector<8x8xf32>
// CHECK-NEXT: %[[T:.*]] = loop.transpose %[[SQUARE]]
// CHECK: loop.store_tile %[[T]], %[[PANELS]][%{{.*}}, %c0, %{{.*}}] down 1 across 2 : vector<8x8xf32>
// CHECK: loop.store %{{.*}}, %[[PANELS]]
// CHECK: loop.load_tile %[[PANELS]][%{{.*}}] across 2 mask
func.func @packed(%x: tensor<4x8xf32>, %w: tensor<13x8xf32>) -> tensor<4x13xf32> {
  %y = array.contract "bi,oi->bo" %x, %w : tensor<4x8xf32>, tensor<13x8xf32>
  func.return %y : tensor<4x13xf32>
}

// Few rows are not worth a copy: vectors run along the products, and are summed in the end.
// CHECK-LABEL: func.func @dots
// CHECK-NOT: loop.alloc
// CHECK: %[[SUMS:.*]] = loop.for %{{.*}} = %c0 to %c64 step %c16 iter_args
// CHECK-SAME: -> (vector<8x16xf32>)
// CHECK: math.fma
// CHECK: %[[Y:.*]] = loop.reduce "sum" %[[SUMS]] : vector<8x16xf32>
// CHECK-NEXT: loop.store_tile %[[Y]], %y[%c0, %{{.*}}] across 1 : vector<1x8xf32>
func.func @dots(%x: tensor<1x64xf32>, %w: tensor<32x64xf32>) -> tensor<1x32xf32> {
  %y = array.contract "bi,oi->bo" %x, %w : tensor<1x64xf32>, tensor<32x64xf32>
  func.return %y : tensor<1x32xf32>
}

// Few columns leave lanes empty: where the rows of the left operand lie side by side, they are in the lanes, and each
// number is stored alone.
// CHECK-LABEL: func.func @turned
// CHECK: %[[SUMS:.*]] = loop.for %{{.*}} = %c0 to %B step %c1 iter_args
// CHECK-NEXT: %[[COLUMN:.*]] = loop.load_tile %d[%{{.*}}] down 1 : {{.*}} to vector<2x1xf32>
// CHECK-NEXT: %[[ROW:.*]] = loop.load_tile %x[%{{.*}}] across 1 : {{.*}} to vector<1x64xf32>
// CHECK-NEXT: loop.outer %[[COLUMN]], %[[ROW]]
// CHECK: loop.store_tile %[[SUMS]], %g[%c0, %c0] down 1 across 0 : vector<2x64xf32>
func.func @turned(%x: tensor<B x 64 x f32>, %d: tensor<B x 2 x f32>) -> tensor<64x2xf32> {
  %g = array.contract "bi,bo->io" %x, %d : tensor<B x 64 x f32>, tensor<B x 2 x f32>
  func.return %g : tensor<64x2xf32>
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
