// RUN: irc-opt %s -p fuse | filecheck %s

// A chain of elementwise ops and the broadcast that feeds it are one group; nothing stays outside.
// CHECK-LABEL: func.func @chain
// CHECK-NEXT: array.fused
// CHECK-NEXT: array.broadcast
// CHECK-NEXT: arith.addf
// CHECK-NEXT: math.tanh
// CHECK-NEXT: array.yield
// CHECK-NEXT: }
// CHECK-NEXT: func.return
func.func @chain(%x: tensor<B x 4 x f32>, %b: tensor<4xf32>) -> tensor<B x 4 x f32> {
  %0 = array.broadcast %b dims [1] : tensor<4xf32> to tensor<B x 4 x f32>
  %1 = arith.addf %x, %0 : tensor<B x 4 x f32>
  %2 = math.tanh %1 : tensor<B x 4 x f32>
  func.return %2 : tensor<B x 4 x f32>
}

// A reduction ends a group: what reads its result is in a later one.
// CHECK-LABEL: func.func @share_of_all
// CHECK-NEXT: %e, %s = array.fused
// CHECK: array.reduce sum
// CHECK-NEXT: array.yield
// CHECK: %r = array.fused
// CHECK-NEXT: array.broadcast
// CHECK-NEXT: arith.divf
func.func @share_of_all(%x: tensor<B x 4 x f32>) -> tensor<B x 4 x f32> {
  %e = math.exp %x : tensor<B x 4 x f32>
  %s = array.reduce sum %e dims [0] : tensor<B x 4 x f32>
  %b = array.broadcast %s dims [1] : tensor<4xf32> to tensor<B x 4 x f32>
  %r = arith.divf %e, %b : tensor<B x 4 x f32>
  func.return %r : tensor<B x 4 x f32>
}

// But what goes through rows more than once is one group, with the sums over rows that come of it.
// CHECK-LABEL: func.func @softmax_sum
// CHECK-NEXT: %r, %t = array.fused
// CHECK-NEXT: math.exp
// CHECK-NEXT: array.reduce sum {{.*}} dims [1]
// CHECK-NEXT: array.broadcast
// CHECK-NEXT: arith.divf
// CHECK-NEXT: array.reduce sum {{.*}} dims [0]
// CHECK-NEXT: array.yield
// CHECK-NEXT: }
// CHECK-NEXT: func.return
func.func @softmax_sum(%x: tensor<B x 4 x f32>) -> (tensor<B x 4 x f32>, tensor<4xf32>) {
  %e = math.exp %x : tensor<B x 4 x f32>
  %s = array.reduce sum %e dims [1] : tensor<B x 4 x f32>
  %b = array.broadcast %s dims [0] : tensor<B x f32> to tensor<B x 4 x f32>
  %r = arith.divf %e, %b : tensor<B x 4 x f32>
  %t = array.reduce sum %r dims [0] : tensor<B x 4 x f32>
  func.return %r, %t : tensor<B x 4 x f32>, tensor<4xf32>
}

// The bias and activation after a contraction are in a group with it, those before it in another.
// CHECK-LABEL: func.func @layers
// CHECK: array.fused
// CHECK: array.fused
// CHECK: array.contract
// CHECK-NOT: array.fused
// CHECK: func.return
func.func @layers(%x: tensor<B x 4 x f32>, %w: tensor<4x4xf32>, %b: tensor<4xf32>) -> tensor<B x 4 x f32> {
  %0 = array.broadcast %b dims [1] : tensor<4xf32> to tensor<B x 4 x f32>
  %1 = arith.addf %x, %0 : tensor<B x 4 x f32>
  %2 = array.contract "bi,ij->bj" %1, %w : tensor<B x 4 x f32>, tensor<4x4xf32>
  %3 = arith.addf %2, %0 : tensor<B x 4 x f32>
  %4 = math.tanh %3 : tensor<B x 4 x f32>
  func.return %4 : tensor<B x 4 x f32>
}

// So are those after a convolution, and what is added past the layer.
// CHECK-LABEL: func.func @images
// CHECK: array.fused
// CHECK-NOT: }
// CHECK: array.conv2d
// CHECK: arith.addf
// CHECK: arith.addf
// CHECK: array.yield
// CHECK-NEXT: }
// CHECK-NEXT: func.return
func.func @images(%x: tensor<B x 3 x 8 x 8 x f32>, %w: tensor<4x3x3x3xf32>, %b: tensor<4xf32>, %r: tensor<B x 4 x 6 x 6 x f32>) -> tensor<B x 4 x 6 x 6 x f32> {
  %0 = array.conv2d %x, %w : tensor<B x 3 x 8 x 8 x f32>, tensor<4x3x3x3xf32>
  %1 = array.broadcast %b dims [1] : tensor<4xf32> to tensor<B x 4 x 6 x 6 x f32>
  %2 = arith.addf %0, %1 : tensor<B x 4 x 6 x 6 x f32>
  %3 = arith.addf %2, %r : tensor<B x 4 x 6 x 6 x f32>
  func.return %3 : tensor<B x 4 x 6 x 6 x f32>
}

// The derivative of relu before a max-pooling, and the sum of it for the bias, are taken of the windows: there are
// fewer, and each gives its gradient to its largest cell.
// CHECK-LABEL: func.func @windows
// CHECK: [[G:%.*]]:2 = array.fused
// CHECK: [[MASK:%.*]] = arith.cmpf oge, {{%.*}}, {{%.*}} : tensor<B x 3 x 4 x 4 x f32>
// CHECK: [[GIVEN:%.*]] = arith.select [[MASK]]
// CHECK-NEXT: array.reduce sum [[GIVEN]] dims [0, 2, 3] : tensor<B x 3 x 4 x 4 x f32>
// CHECK: array.pool2d_gradient max %y, [[G]]#0
// CHECK-NOT: arith.select
// CHECK: func.return
func.func @windows(%y: tensor<B x 3 x 8 x 8 x f32>, %g: tensor<B x 3 x 4 x 4 x f32>) -> (tensor<B x 3 x 4 x 4 x f32>, tensor<B x 3 x 8 x 8 x f32>, tensor<3xf32>) {
  %p = array.pool2d max %y kernel [2, 2] : tensor<B x 3 x 8 x 8 x f32>
  %0 = array.pool2d_gradient max %y, %g kernel [2, 2] : tensor<B x 3 x 8 x 8 x f32>, tensor<B x 3 x 4 x 4 x f32>
  %zero = array.full 0.0 : f32 to tensor<B x 3 x 8 x 8 x f32>
  %1 = arith.cmpf oge, %zero, %y : tensor<B x 3 x 8 x 8 x f32>
  %2 = arith.select %1, %zero, %0 : tensor<B x 3 x 8 x 8 x i1>, tensor<B x 3 x 8 x 8 x f32>
  %3 = array.reduce sum %2 dims [0, 2, 3] : tensor<B x 3 x 8 x 8 x f32>
  func.return %p, %2, %3 : tensor<B x 3 x 4 x 4 x f32>, tensor<B x 3 x 8 x 8 x f32>, tensor<3xf32>
}

// Stacking a group's results, samples or sums, is part of the group; so is taking its operands apart.
// CHECK-LABEL: func.func @edges
// CHECK-NEXT: array.fused
// CHECK: array.unstack
// CHECK: array.stack
// CHECK: array.stack
// CHECK: array.yield
// CHECK-NEXT: }
// CHECK-NEXT: func.return
func.func @edges(%x: tensor<B x 2 x f32>) -> (tensor<B x 2 x f32>, tensor<2xf32>) {
  %a, %b = array.unstack %x axis 1 : tensor<B x 2 x f32>
  %p = arith.mulf %a, %b : tensor<B x f32>
  %q = arith.addf %a, %p : tensor<B x f32>
  %s = array.reduce sum %p dims [0] : tensor<B x f32>
  %t = array.reduce sum %q dims [0] : tensor<B x f32>
  %y = array.stack %p, %q axis 1 : tensor<B x f32>, tensor<B x f32>
  %z = array.stack %s, %t axis 0 : tensor<f32>, tensor<f32>
  func.return %y, %z : tensor<B x 2 x f32>, tensor<2xf32>
}

// One op alone is left as it is.
// CHECK-LABEL: func.func @alone
// CHECK-NEXT: math.exp
// CHECK-NEXT: func.return
func.func @alone(%x: tensor<B x f32>) -> tensor<B x f32> {
  %0 = math.exp %x : tensor<B x f32>
  func.return %0 : tensor<B x f32>
}

// The derivative of relu compares what the layer gives, as another layer reads it, so the sums need not be kept.
// CHECK-LABEL: func.func @relu
// CHECK-NEXT: %h = array.fused
// CHECK: array.yield %h : tensor<B x 4 x f32>
// CHECK: array.fused
// CHECK: arith.cmpf oge, %z, %h
func.func @relu(%x: tensor<B x 4 x f32>, %w: tensor<4x4xf32>) -> (tensor<B x 4 x f32>, tensor<B x 4 x f32>) {
  %z = array.full 0.0 : f32 to tensor<B x 4 x f32>
  %0 = arith.addf %x, %x : tensor<B x 4 x f32>
  %h = arith.maximumf %z, %0 : tensor<B x 4 x f32>
  %y = array.contract "bi,ij->bj" %h, %w : tensor<B x 4 x f32>, tensor<4x4xf32>
  %p = arith.cmpf oge, %z, %0 : tensor<B x 4 x f32>
  %d = array.contract "bj,ij->bi" %y, %w : tensor<B x 4 x f32>, tensor<4x4xf32>
  %e = arith.select %p, %z, %d : tensor<B x 4 x i1>, tensor<B x 4 x f32>
  func.return %y, %e : tensor<B x 4 x f32>, tensor<B x 4 x f32>
}
