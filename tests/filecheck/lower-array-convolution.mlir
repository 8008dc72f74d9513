// RUN: irc-opt %s -p lower-array --target=avx512 | filecheck %s

// Samples innermost: what one vector of samples is of the images lies side by side, then each filter has a vector of
// sums, to which a turn adds a column of weights times a vector of cells.
// CHECK-LABEL: func.func @samples
// CHECK: loop.for %b = {{%.*}} to {{%.*}} step %c16 {
// CHECK-NEXT: [[COPY:%.*]] = loop.alloc : !loop.buffer<2 x 5 x 5 x 16 x f32>
// CHECK: loop.load_tile %x[{{.*}}, %b] across 3 : !loop.buffer<2 x 5 x 5 x B x f32> to vector<1x16xf32>
// CHECK: loop.store_tile {{.*}}, [[COPY]]
// CHECK: loop.for %m = %c0 to %c3 step %c1 iter_args({{.*}}) -> (vector<4x16xf32>) {
// CHECK-NEXT: [[W:%.*]] = loop.load_tile %w[%c0{{.*}}, %c, %k, %m] down 0 : !loop.buffer<4 x 2 x 3 x 3 x f32> to vector<4x1xf32>
// CHECK: [[X:%.*]] = loop.load_tile [[COPY]][%c, {{.*}}] across 3 : !loop.buffer<2 x 5 x 5 x 16 x f32> to vector<1x16xf32>
// CHECK-NEXT: loop.outer [[W]], [[X]], {{.*}} : vector<4x1xf32>, vector<1x16xf32>
// CHECK: loop.store_tile {{.*}} down 0 across 3 : vector<4x16xf32>, !loop.buffer<4 x 3 x 3 x B x f32>
// CHECK: loop.mask {{.*}} : vector<1x16xi1>
func.func @samples(%x: tensor<2 x 5 x 5 x B x f32>, %w: tensor<4x2x3x3xf32>) -> tensor<4 x 3 x 3 x B x f32> {
  %y = array.conv2d %x, %w {layout = "chwb"} : tensor<2 x 5 x 5 x B x f32>, tensor<4x2x3x3xf32>
  func.return %y : tensor<4 x 3 x 3 x B x f32>
}

// What follows in the group is done with a finished tile, before it is stored: no nest of its own is left.
// CHECK-LABEL: func.func @epilogue
// CHECK-NOT: vectorize
// CHECK: loop.outer
// CHECK: [[BIAS:%.*]] = loop.load_tile %b[%c0{{.*}}] down 0 : !loop.buffer<4 x f32> to vector<4x64xf32>
// CHECK-NEXT: [[SUM:%.*]] = arith.addf {{%.*}}, [[BIAS]] : vector<4x64xf32>
// CHECK-NEXT: [[Y:%.*]] = math.absf [[SUM]] : vector<4x64xf32>
// CHECK-NEXT: loop.store_tile [[Y]], {{.*}} down 0 across 3 : vector<4x64xf32>, !loop.buffer<4 x 3 x 3 x B x f32>
// CHECK-NOT: vectorize
// CHECK: func.return
func.func @epilogue(%x: tensor<2 x 5 x 5 x B x f32>, %w: tensor<4x2x3x3xf32>, %b: tensor<4xf32>) -> tensor<4 x 3 x 3 x B x f32> {
  %0 = array.fused (%x1 = %x : tensor<2 x 5 x 5 x B x f32>, %w1 = %w : tensor<4x2x3x3xf32>, %b1 = %b : tensor<4xf32>) -> tensor<4 x 3 x 3 x B x f32> {
    %1 = array.conv2d %x1, %w1 {layout = "chwb"} : tensor<2 x 5 x 5 x B x f32>, tensor<4x2x3x3xf32>
    %2 = array.broadcast %b1 dims [0] : tensor<4xf32> to tensor<4 x 3 x 3 x B x f32>
    %3 = arith.addf %1, %2 : tensor<4 x 3 x 3 x B x f32>
    %4 = math.absf %3 : tensor<4 x 3 x 3 x B x f32>
    array.yield %4 : tensor<4 x 3 x 3 x B x f32>
  }
  func.return %0 : tensor<4 x 3 x 3 x B x f32>
}

// One sample: an image is a plane of rows with the padding between. Tiles are cut from rows of the result, here 28 pixels
// in 32 lanes, the last four from the next row, which lies two pixels further on in the plane; four rows fill seven
// vectors. The result has no plane, and what follows is done with tiles here, too: %r, as the result, with its rows as one.
// CHECK-LABEL: func.func @pixels
// CHECK: [[PLANE:%.*]] = loop.alloc : !loop.buffer<2 x 1 x 928 x f32>
// CHECK-NOT: loop.alloc
// CHECK: loop.for %i = %c0 to %c28 step %c4 parallel {
// CHECK: [[THIS:%.*]] = loop.load_tile [[PLANE]][%c, %c0, [[AT:%.*]]] across 2 : {{.*}} to vector<1x32xf32>
// CHECK-NEXT: [[BEYOND:%.*]] = arith.addi [[AT]], %c2 : index
// CHECK-NEXT: [[NEXT:%.*]] = loop.load_tile [[PLANE]][%c, %c0, [[BEYOND]]] across 2 : {{.*}} to vector<1x32xf32>
// CHECK-NEXT: [[IN_ROW:%.*]] = loop.mask %c28 : vector<1x32xi1>
// CHECK-NEXT: [[CELLS:%.*]] = arith.select [[IN_ROW]], [[THIS]], [[NEXT]] : vector<1x32xi1>, vector<1x32xf32>
// CHECK-NEXT: loop.outer {{%.*}}, [[CELLS]], {{%.*}} : vector<8x1xf32>, vector<1x32xf32>
// CHECK: loop.span %r[%c0] : !loop.buffer<1 x 8 x 28 x 28 x f32> to !loop.buffer<1 x 8 x 1 x 784 x f32>
// CHECK-NEXT: loop.load_tile {{.*}} down 1 across 3 : !loop.buffer<1 x 8 x 1 x 784 x f32> to vector<8x32xf32>
// CHECK-NEXT: arith.addf
// CHECK: loop.store_tile {{.*}} down 1 across 3 : vector<8x32xf32>, !loop.buffer<1 x 8 x 1 x 784 x f32>
func.func @pixels(%x: tensor<1x2x28x28xf32>, %w: tensor<8x2x3x3xf32>, %r: tensor<1x8x28x28xf32>) -> tensor<1x8x28x28xf32> {
  %0 = array.fused (%x1 = %x : tensor<1x2x28x28xf32>, %w1 = %w : tensor<8x2x3x3xf32>, %r1 = %r : tensor<1x8x28x28xf32>) -> tensor<1x8x28x28xf32> {
    %1 = array.conv2d %x1, %w1 padding [1, 1] : tensor<1x2x28x28xf32>, tensor<8x2x3x3xf32>
    %2 = arith.addf %1, %r1 : tensor<1x8x28x28xf32>
    array.yield %2 : tensor<1x8x28x28xf32>
  }
  func.return %0 : tensor<1x8x28x28xf32>
}

// Weights: each has a vector of sums of its own, which are added up at the end.
// CHECK-LABEL: func.func @weights
// CHECK: loop.for %j = %c0 to %c3 step %c1 iter_args({{.*}}) -> (vector<4x16xf32>, vector<4x16xf32>, vector<4x16xf32>) {
// CHECK: math.fma {{.*}} : vector<4x16xf32>
// CHECK: loop.reduce "sum" {{.*}} : vector<4x16xf32>
func.func @weights(%x: tensor<1 x 5 x 5 x B x f32>, %y: tensor<4 x 3 x 3 x B x f32>) -> tensor<4x1x3x3xf32> {
  %w = array.conv2d_weights %x, %y {layout = "chwb"} : tensor<1 x 5 x 5 x B x f32>, tensor<4 x 3 x 3 x B x f32> to tensor<4x1x3x3xf32>
  func.return %w : tensor<4x1x3x3xf32>
}

// Of one image: the filters of a pixel are put side by side, and a vector of them is multiplied by the cell of each channel
// that the tap sees. The sums are turned back at the end.
// CHECK-LABEL: func.func @filters
// CHECK: [[SUMS:%.*]] = loop.alloc : !loop.buffer<1 x 5 x 3 x 3 x 16 x f32>
// CHECK: [[TURNED:%.*]] = loop.alloc : !loop.buffer<49 x 1 x 16 x f32>
// CHECK: loop.transpose {{.*}} : vector<8x8xf32>
// CHECK: loop.for %k = %c0 to %c3 step %c1 parallel {
// CHECK-NEXT: loop.for %m = %c0 to %c3 step %c1 parallel {
// CHECK: loop.load_tile [[SUMS]]
// CHECK: [[CELLS:%.*]] = loop.load_tile %x[{{.*}}] down 1 : !loop.buffer<1 x 5 x 9 x 9 x f32> to vector<5x1xf32>
// CHECK: [[MAPS:%.*]] = loop.load_tile [[TURNED]][{{.*}}] across 2 : !loop.buffer<49 x 1 x 16 x f32> to vector<1x16xf32>
// CHECK-NEXT: loop.outer [[CELLS]], [[MAPS]], {{.*}} : vector<5x1xf32>, vector<1x16xf32>
// CHECK: loop.store_tile {{.*}}, [[SUMS]]
// CHECK: loop.transpose {{.*}} : vector<8x8xf32>
// CHECK: func.return
func.func @filters(%x: tensor<1x5x9x9xf32>, %y: tensor<1x16x7x7xf32>) -> tensor<16x5x3x3xf32> {
  %w = array.conv2d_weights %x, %y : tensor<1x5x9x9xf32>, tensor<1x16x7x7xf32> to tensor<16x5x3x3xf32>
  func.return %w : tensor<16x5x3x3xf32>
}

// Windows that lie side by side write their gradients; those that overlap add them, one after the other.
// CHECK-LABEL: func.func @apart
// CHECK-NOT: arith.addf
// CHECK: func.return
func.func @apart(%x: tensor<2 x 4 x 4 x B x f32>, %y: tensor<2 x 2 x 2 x B x f32>) -> tensor<2 x 4 x 4 x B x f32> {
  %g = array.pool2d_gradient max %x, %y kernel [2, 2] {layout = "chwb"} : tensor<2 x 4 x 4 x B x f32>, tensor<2 x 2 x 2 x B x f32>
  func.return %g : tensor<2 x 4 x 4 x B x f32>
}

// CHECK-LABEL: func.func @overlapping
// CHECK: arith.addf
// CHECK: func.return
func.func @overlapping(%x: tensor<2 x 4 x 4 x B x f32>, %y: tensor<2 x 3 x 3 x B x f32>) -> tensor<2 x 4 x 4 x B x f32> {
  %g = array.pool2d_gradient max %x, %y kernel [2, 2] stride [1, 1] {layout = "chwb"} : tensor<2 x 4 x 4 x B x f32>, tensor<2 x 3 x 3 x B x f32>
  func.return %g : tensor<2 x 4 x 4 x B x f32>
}
