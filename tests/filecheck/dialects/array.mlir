// RUN: irc-opt %s | filecheck %s
// RUN: irc-opt %s --print-generic | irc-opt - | filecheck %s

// Every op of the dialect reads back from both forms.
// CHECK-LABEL: func.func @shape
// CHECK-NEXT: %full = array.full 5.000000e-01 : f32 to tensor<B x f32>
// CHECK-NEXT: %scalar = array.broadcast %s dims [] : f32 to tensor<f32>
// CHECK-NEXT: %item = array.item %scalar : tensor<f32>
// CHECK-NEXT: %wide = array.broadcast %x dims [0, 2] : tensor<B x 4 x f32> to tensor<B x 2 x 4 x f32>
// CHECK-NEXT: %flat = array.reshape %x : tensor<B x 4 x f32> to tensor<4*B x f32>
// CHECK-NEXT: %turned = array.transpose %x permutation [1, 0] : tensor<B x 4 x f32>
// CHECK-NEXT: %cast = array.cast %x : tensor<B x 4 x f32> to tensor<B x 4 x f64>
// CHECK-NEXT: %fixed = array.detach %x : tensor<B x 4 x f32>
// CHECK-NEXT: %some = array.dropout %x stream 3 {p = 2.500000e-01 : f64} : tensor<B x 4 x f32>
// CHECK-NEXT: %mean = array.running %x, %some, %fixed {momentum = 1.000000e-01 : f64} : tensor<B x 4 x f32>, tensor<B x 4 x f32>, tensor<B x 4 x f32>
// CHECK-NEXT: %size = array.size "2*B + 1" : index
// CHECK-NEXT: %iota = array.iota axis 0 : tensor<B x i32>
func.func @shape(%x: tensor<B x 4 x f32>, %s: f32) {
  %full = array.full 0.5 : f32 to tensor<B x f32>
  %scalar = array.broadcast %s dims [] : f32 to tensor<f32>
  %item = array.item %scalar : tensor<f32>
  %wide = array.broadcast %x dims [0, 2] : tensor<B x 4 x f32> to tensor<B x 2 x 4 x f32>
  %flat = array.reshape %x : tensor<B x 4 x f32> to tensor<4*B x f32>
  %turned = array.transpose %x permutation [1, 0] : tensor<B x 4 x f32>
  %cast = array.cast %x : tensor<B x 4 x f32> to tensor<B x 4 x f64>
  %fixed = array.detach %x : tensor<B x 4 x f32>
  %some = array.dropout %x stream 3 {p = 0.25 : f64} : tensor<B x 4 x f32>
  %mean = array.running %x, %some, %fixed {momentum = 0.1 : f64} : tensor<B x 4 x f32>, tensor<B x 4 x f32>, tensor<B x 4 x f32>
  %size = array.size "2*B + 1" : index
  %iota = array.iota axis 0 : tensor<B x i32>
  func.return
}

// CHECK-LABEL: func.func @pieces
// CHECK-NEXT: %joined = array.concat %x, %x axis 1 : tensor<B x 4 x f32>, tensor<B x 4 x f32>
// CHECK-NEXT: %part = array.slice %joined offsets [0, 3] : tensor<B x 8 x f32> to tensor<B x 2 x f32>
// CHECK-NEXT: %more = array.pad %x low ["B", 0] high [0, 1] : tensor<B x 4 x f32>
// CHECK-NEXT: %a, %b, %c, %d = array.unstack %x axis 1 : tensor<B x 4 x f32>
// CHECK-NEXT: %pair = array.stack %a, %d axis 0 : tensor<B x f32>, tensor<B x f32>
// CHECK-NEXT: %some = array.gather %x, %i axis 1 : tensor<B x 4 x f32>, tensor<3xi32>
// CHECK-NEXT: %back = array.scatter_add %some, %i axis 1 : tensor<B x 3 x f32>, tensor<3xi32> to tensor<B x 4 x f32>
func.func @pieces(%x: tensor<B x 4 x f32>, %i: tensor<3xi32>) {
  %joined = array.concat %x, %x axis 1 : tensor<B x 4 x f32>, tensor<B x 4 x f32>
  %part = array.slice %joined offsets [0, 3] : tensor<B x 8 x f32> to tensor<B x 2 x f32>
  %more = array.pad %x low ["B", 0] high [0, 1] : tensor<B x 4 x f32>
  %a, %b, %c, %d = array.unstack %x axis 1 : tensor<B x 4 x f32>
  %pair = array.stack %a, %d axis 0 : tensor<B x f32>, tensor<B x f32>
  %some = array.gather %x, %i axis 1 : tensor<B x 4 x f32>, tensor<3xi32>
  %back = array.scatter_add %some, %i axis 1 : tensor<B x 3 x f32>, tensor<3xi32> to tensor<B x 4 x f32>
  func.return
}

// CHECK-LABEL: func.func @compute
// CHECK-NEXT: %best = array.argmax %x axis 1 : tensor<B x 4 x f32>
// CHECK-NEXT: %most = array.reduce max %x dims [0, 1] : tensor<B x 4 x f32>
// CHECK-NEXT: %y = array.contract "bi,oi->bo" %x, %w : tensor<B x 4 x f32>, tensor<3x4xf32>
// CHECK-NEXT: %f, %g = array.fused (%p = %y : tensor<B x 3 x f32>) -> (tensor<B x 3 x f32>, tensor<3xf32>) {
// CHECK-NEXT: %t = math.tanh %p : tensor<B x 3 x f32>
// CHECK-NEXT: %u = array.reduce sum %t dims [0] : tensor<B x 3 x f32>
// CHECK-NEXT: array.yield %t, %u : tensor<B x 3 x f32>, tensor<3xf32>
// CHECK-NEXT: }
func.func @compute(%x: tensor<B x 4 x f32>, %w: tensor<3x4xf32>) {
  %best = array.argmax %x axis 1 : tensor<B x 4 x f32>
  %most = array.reduce max %x dims [0, 1] : tensor<B x 4 x f32>
  %y = array.contract "bi,oi->bo" %x, %w : tensor<B x 4 x f32>, tensor<3x4xf32>
  %f, %g = array.fused(%p = %y : tensor<B x 3 x f32>) -> (tensor<B x 3 x f32>, tensor<3xf32>) {
    %t = math.tanh %p : tensor<B x 3 x f32>
    %u = array.reduce sum %t dims [0] : tensor<B x 3 x f32>
    array.yield %t, %u : tensor<B x 3 x f32>, tensor<3xf32>
  }
  func.return
}

// CHECK-LABEL: func.func @dag
// CHECK: %y = array.dag %x, %w, %offsets, %sources, %weights, %biases, %segments, %outputs kinds [#array.kind<relu_leaky, 0.1, max>] : tensor<B x I x f32>, tensor<P x f32>, tensor<R + 1 x i32>
// CHECK-NEXT: %v, %dx, %dw = array.dag_grad %x, %w, %offsets, %sources, %weights, %biases, %segments, %outputs, %y kinds [#array.kind<relu_leaky, 0.1, max>] :
func.func @dag(%x: tensor<B x I x f32>, %w: tensor<P x f32>, %offsets: tensor<R + 1 x i32>, %sources: tensor<E x i32>,
               %weights: tensor<E x i32>, %biases: tensor<R x i32>, %segments: tensor<S x 3 x i32>, %outputs: tensor<O x i32>) {
  %y = array.dag %x, %w, %offsets, %sources, %weights, %biases, %segments, %outputs kinds [#array.kind<relu_leaky, 0.1, max>] : tensor<B x I x f32>, tensor<P x f32>, tensor<R + 1 x i32>, tensor<E x i32>, tensor<E x i32>, tensor<R x i32>, tensor<S x 3 x i32>, tensor<O x i32>
  %v, %dx, %dw = array.dag_grad %x, %w, %offsets, %sources, %weights, %biases, %segments, %outputs, %y kinds [#array.kind<relu_leaky, 0.1, max>] : tensor<B x I x f32>, tensor<P x f32>, tensor<R + 1 x i32>, tensor<E x i32>, tensor<E x i32>, tensor<R x i32>, tensor<S x 3 x i32>, tensor<O x i32>, tensor<B x O x f32>
  func.return
}

// Steps over time: what is carried, what each step sees a part of, what all share; and the steps backwards.
// CHECK-LABEL: func.func @scan
// CHECK-NEXT: %last, %ys = array.scan carry ({{%h.*}} = %h0 : tensor<B x 4 x f32>) over ({{%x.*}} = %xs : tensor<T x B x 4 x f32>) with ({{%u.*}} = %u0 : tensor<4xf32>) -> (tensor<B x 4 x f32>, tensor<T x B x 4 x f32>) {
// CHECK: array.yield %next, %a : tensor<B x 4 x f32>, tensor<B x 4 x f32>
// CHECK: %zs = array.scan reverse over ({{%y.*}} = %ys : tensor<T x B x 4 x f32>) -> tensor<T x B x 4 x f32> {
func.func @scan(%xs: tensor<T x B x 4 x f32>, %h0: tensor<B x 4 x f32>, %u0: tensor<4xf32>) {
  %last, %ys = array.scan carry (%h = %h0 : tensor<B x 4 x f32>) over (%x = %xs : tensor<T x B x 4 x f32>) with (%u = %u0 : tensor<4xf32>) -> (tensor<B x 4 x f32>, tensor<T x B x 4 x f32>) {
    %b = array.broadcast %u dims [1] : tensor<4xf32> to tensor<B x 4 x f32>
    %a = arith.mulf %h, %b : tensor<B x 4 x f32>
    %next = arith.addf %a, %x : tensor<B x 4 x f32>
    array.yield %next, %a : tensor<B x 4 x f32>, tensor<B x 4 x f32>
  }
  %zs = array.scan reverse over (%y = %ys : tensor<T x B x 4 x f32>) -> tensor<T x B x 4 x f32> {
    array.yield %y : tensor<B x 4 x f32>
  }
  func.return
}

// Convolutions with their two gradients, and poolings. What is as usual is not said; a layout is an attribute.
// CHECK-LABEL: func.func @images
// CHECK: %y = array.conv2d %x, %w : tensor<B x 2 x 6 x 6 x f32>, tensor<4x2x3x3xf32>
// CHECK-NEXT: %dx = array.conv2d_transpose %y, %w : tensor<B x 4 x 4 x 4 x f32>, tensor<4x2x3x3xf32> to tensor<B x 2 x 6 x 6 x f32>
// CHECK-NEXT: %dw = array.conv2d_weights %x, %y : tensor<B x 2 x 6 x 6 x f32>, tensor<B x 4 x 4 x 4 x f32> to tensor<4x2x3x3xf32>
// CHECK-NEXT: %z = array.conv2d %s, %v stride [2, 1] padding [1, 0] dilation [1, 2] groups 2 {layout = "chwb"} : tensor<2 x 6 x 6 x B x f32>, tensor<4x1x3x3xf32>
// CHECK-NEXT: %m = array.pool2d max %x kernel [2, 2] : tensor<B x 2 x 6 x 6 x f32>
// CHECK-NEXT: %a = array.pool2d mean %x kernel [3, 3] stride [2, 2] padding [1, 1] : tensor<B x 2 x 6 x 6 x f32>
// CHECK-NEXT: %g = array.pool2d_gradient max %x, %m kernel [2, 2] : tensor<B x 2 x 6 x 6 x f32>, tensor<B x 2 x 3 x 3 x f32>
// CHECK-NEXT: %p = array.pool2d_pick %x, %g kernel [2, 2] : tensor<B x 2 x 6 x 6 x f32>, tensor<B x 2 x 6 x 6 x f32>
func.func @images(%x: tensor<B x 2 x 6 x 6 x f32>, %w: tensor<4x2x3x3xf32>, %s: tensor<2 x 6 x 6 x B x f32>, %v: tensor<4x1x3x3xf32>) {
  %y = array.conv2d %x, %w : tensor<B x 2 x 6 x 6 x f32>, tensor<4x2x3x3xf32>
  %dx = array.conv2d_transpose %y, %w : tensor<B x 4 x 4 x 4 x f32>, tensor<4x2x3x3xf32> to tensor<B x 2 x 6 x 6 x f32>
  %dw = array.conv2d_weights %x, %y : tensor<B x 2 x 6 x 6 x f32>, tensor<B x 4 x 4 x 4 x f32> to tensor<4x2x3x3xf32>
  %z = array.conv2d %s, %v stride [2, 1] padding [1, 0] dilation [1, 2] groups 2 {layout = "chwb"} : tensor<2 x 6 x 6 x B x f32>, tensor<4x1x3x3xf32>
  %m = array.pool2d max %x kernel [2, 2] : tensor<B x 2 x 6 x 6 x f32>
  %a = array.pool2d mean %x kernel [3, 3] stride [2, 2] padding [1, 1] : tensor<B x 2 x 6 x 6 x f32>
  %g = array.pool2d_gradient max %x, %m kernel [2, 2] : tensor<B x 2 x 6 x 6 x f32>, tensor<B x 2 x 3 x 3 x f32>
  %p = array.pool2d_pick %x, %g kernel [2, 2] : tensor<B x 2 x 6 x 6 x f32>, tensor<B x 2 x 6 x 6 x f32>
  func.return
}
