// RUN: irc-opt %s -p lower-array --target=avx512 | filecheck %s

// Samples innermost: what one vector of samples is of the images lies side by side, then each filter has a vector of
// sums, to which a turn adds a column of weights times a vector of cells.
// CHECK-LABEL: func.func @samples
// CHECK: loop.for %b = {{%.*}} to {{%.*}} step %c16 parallel {
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

// One sample: an image is a plane of rows with the padding between, and a vector goes on from one row to the next.
// CHECK-LABEL: func.func @pixels
// CHECK: [[PLANE:%.*]] = loop.alloc : !loop.buffer<2 x 1 x 80 x f32>
// CHECK: loop.outer {{.*}} : vector<4x1xf32>, vector<1x16xf32>
// CHECK: loop.store {{.*}}, %y[%c0{{.*}}] : f32, !loop.buffer<1 x 4 x 5 x 5 x f32>
func.func @pixels(%x: tensor<1x2x5x5xf32>, %w: tensor<4x2x3x3xf32>) -> tensor<1x4x5x5xf32> {
  %y = array.conv2d %x, %w padding [1, 1] : tensor<1x2x5x5xf32>, tensor<4x2x3x3xf32>
  func.return %y : tensor<1x4x5x5xf32>
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
