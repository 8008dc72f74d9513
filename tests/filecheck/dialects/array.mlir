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
