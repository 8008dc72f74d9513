// RUN: irc-opt %s -p choose-layouts --target=avx512 | filecheck %s

// Samples go innermost for all work on images; other ops see the usual order through transposes.
// CHECK-LABEL: func.func @net
// CHECK-NEXT: [[T:%.*]] = array.transpose %x permutation [1, 0] : tensor<B x 36 x f32>
// CHECK-NEXT: [[X:%.*]] = array.reshape [[T]] : tensor<36 x B x f32> to tensor<1 x 6 x 6 x B x f32>
// CHECK-NEXT: [[C:%.*]] = array.conv2d [[X]], %w {layout = "chwb"} : tensor<1 x 6 x 6 x B x f32>, tensor<2x1x3x3xf32>
// CHECK-NEXT: [[B:%.*]] = array.broadcast %b dims [0] : tensor<2xf32> to tensor<2 x 4 x 4 x B x f32>
// CHECK-NEXT: [[S:%.*]] = arith.addf [[C]], [[B]] : tensor<2 x 4 x 4 x B x f32>
// CHECK-NEXT: [[P:%.*]] = array.pool2d max [[S]] kernel [2, 2] {layout = "chwb"} : tensor<2 x 4 x 4 x B x f32>
// CHECK-NEXT: [[V:%.*]] = array.reshape [[P]] : tensor<2 x 2 x 2 x B x f32> to tensor<8 x B x f32>
// CHECK-NEXT: [[Y:%.*]] = array.transpose [[V]] permutation [1, 0] : tensor<8 x B x f32>
// CHECK-NEXT: [[R:%.*]] = array.reduce sum [[S]] dims [1, 2, 3] : tensor<2 x 4 x 4 x B x f32>
// CHECK-NEXT: func.return [[Y]], [[R]]
func.func @net(%x: tensor<B x 36 x f32>, %w: tensor<2x1x3x3xf32>, %b: tensor<2xf32>) -> (tensor<B x 8 x f32>, tensor<2xf32>) {
  %0 = array.reshape %x : tensor<B x 36 x f32> to tensor<B x 1 x 6 x 6 x f32>
  %1 = array.conv2d %0, %w : tensor<B x 1 x 6 x 6 x f32>, tensor<2x1x3x3xf32>
  %2 = array.broadcast %b dims [1] : tensor<2xf32> to tensor<B x 2 x 4 x 4 x f32>
  %3 = arith.addf %1, %2 : tensor<B x 2 x 4 x 4 x f32>
  %4 = array.pool2d max %3 kernel [2, 2] : tensor<B x 2 x 4 x 4 x f32>
  %5 = array.reshape %4 : tensor<B x 2 x 2 x 2 x f32> to tensor<B x 8 x f32>
  %6 = array.reduce sum %3 dims [0, 2, 3] : tensor<B x 2 x 4 x 4 x f32>
  func.return %5, %6 : tensor<B x 8 x f32>, tensor<2xf32>
}

// Filters have no samples, so a convolution's gradient by them comes as it is.
// CHECK-LABEL: func.func @weights
// CHECK: %dw = array.conv2d_weights {{%.*}}, {{%.*}} {layout = "chwb"} : tensor<1 x 6 x 6 x B x f32>, tensor<2 x 4 x 4 x B x f32> to tensor<2x1x3x3xf32>
// CHECK-NEXT: func.return %dw
func.func @weights(%x: tensor<B x 1 x 6 x 6 x f32>, %dy: tensor<B x 2 x 4 x 4 x f32>) -> tensor<2x1x3x3xf32> {
  %dw = array.conv2d_weights %x, %dy : tensor<B x 1 x 6 x 6 x f32>, tensor<B x 2 x 4 x 4 x f32> to tensor<2x1x3x3xf32>
  func.return %dw : tensor<2x1x3x3xf32>
}

// One sample would leave lanes empty.
// CHECK-LABEL: func.func @one
// CHECK-NEXT: %y = array.conv2d %x, %w : tensor<1x1x6x6xf32>, tensor<2x1x3x3xf32>
func.func @one(%x: tensor<1x1x6x6xf32>, %w: tensor<2x1x3x3xf32>) -> tensor<1x2x4x4xf32> {
  %y = array.conv2d %x, %w : tensor<1x1x6x6xf32>, tensor<2x1x3x3xf32>
  func.return %y : tensor<1x2x4x4xf32>
}

// A batch of as many samples as a vector has numbers: types are the same before and after, meanings are not.
// CHECK-LABEL: func.func @square
// CHECK-NEXT: [[T:%.*]] = array.transpose %x permutation [1, 2, 3, 0] : tensor<8x8x8x8xf32>
// CHECK-NEXT: [[C:%.*]] = array.conv2d [[T]], %w {layout = "chwb"} : tensor<8x8x8x8xf32>, tensor<8x8x1x1xf32>
// CHECK-NEXT: [[U:%.*]] = array.transpose [[C]] permutation [3, 0, 1, 2] : tensor<8x8x8x8xf32>
// CHECK-NEXT: func.return [[U]]
func.func @square(%x: tensor<8x8x8x8xf32>, %w: tensor<8x8x1x1xf32>) -> tensor<8x8x8x8xf32> {
  %y = array.conv2d %x, %w : tensor<8x8x8x8xf32>, tensor<8x8x1x1xf32>
  func.return %y : tensor<8x8x8x8xf32>
}

// 16 samples of these images do not fit into the cache, where one does.
// CHECK-LABEL: func.func @large
// CHECK-NEXT: %y = array.conv2d %x, %w : tensor<B x 64 x 56 x 56 x f32>, tensor<64x64x3x3xf32>
func.func @large(%x: tensor<B x 64 x 56 x 56 x f32>, %w: tensor<64x64x3x3xf32>) -> tensor<B x 64 x 54 x 54 x f32> {
  %y = array.conv2d %x, %w : tensor<B x 64 x 56 x 56 x f32>, tensor<64x64x3x3xf32>
  func.return %y : tensor<B x 64 x 54 x 54 x f32>
}
