// RUN: irc-opt %s -p lower-array,canonicalize,cse,dce --check --split-input-file | filecheck %s

// What is joined is computed where it stands in the result, reshaped or not; only arguments are copied there.
// CHECK-LABEL: func.func @joined(
// CHECK-NOT: loop.alloc
// CHECK: %[[A:.*]] = loop.span %j[%c0] : !loop.buffer<16 x f32> to !loop.buffer<2 x 3 x f32>
// CHECK: loop.store %{{.*}}, %[[A]][
// CHECK: %[[B:.*]] = loop.span %j[%c6] : !loop.buffer<16 x f32> to !loop.buffer<4 x f32>
// CHECK: loop.store %{{.*}}, %[[B]][
// CHECK: loop.load %x[
// CHECK: loop.store %{{.*}}, %j[
func.func @joined(%x: tensor<6xf32>, %m: tensor<2x3xf32>, %v: tensor<4xf32>) -> tensor<16xf32> {
  %a = math.exp %m : tensor<2x3xf32>
  %b = math.exp %v : tensor<4xf32>
  %r = array.reshape %a : tensor<2x3xf32> to tensor<6xf32>
  %j = array.concat %r, %b, %x axis 0 : tensor<6xf32>, tensor<4xf32>, tensor<6xf32>
  func.return %j : tensor<16xf32>
}

// -----

// Of what stands twice in an array, one is a copy.
// CHECK-LABEL: func.func @twice(
// CHECK: %[[A:.*]] = loop.alloc : !loop.buffer<4 x f32>
// CHECK: math.exp
// CHECK: loop.store %{{.*}}, %[[A]][
// CHECK: loop.load %[[A]][
// CHECK: loop.load %[[A]][
func.func @twice(%x: tensor<4xf32>) -> tensor<8xf32> {
  %a = math.exp %x : tensor<4xf32>
  %j = array.concat %a, %a axis 0 : tensor<4xf32>, tensor<4xf32>
  func.return %j : tensor<8xf32>
}

// -----

// Columns do not follow one another in memory.
// CHECK-LABEL: func.func @columns(
// CHECK-NOT: loop.span
// CHECK: func.return
func.func @columns(%x: tensor<B x 4 x f32>) -> tensor<B x 6 x f32> {
  %a = math.exp %x : tensor<B x 4 x f32>
  %s = array.slice %a offsets [0, 1] : tensor<B x 4 x f32> to tensor<B x 2 x f32>
  %j = array.concat %a, %s axis 1 : tensor<B x 4 x f32>, tensor<B x 2 x f32>
  func.return %j : tensor<B x 6 x f32>
}

// -----

// Rows of a matrix of unknown length do; the product reads them where they lie.
// CHECK-LABEL: func.func @rows(
// CHECK-NOT: loop.alloc
// CHECK: %[[AT:.*]] = loop.size "2*B" : index
// CHECK: loop.span %x[%[[AT]]] : !loop.buffer<5 x B x f32> to !loop.buffer<2 x B x f32>
func.func @rows(%x: tensor<5 x B x f32>) -> tensor<2x2xf32> {
  %s = array.slice %x offsets [2, 0] : tensor<5 x B x f32> to tensor<2 x B x f32>
  %y = array.contract "ib,jb->ij" %s, %s : tensor<2 x B x f32>, tensor<2 x B x f32>
  func.return %y : tensor<2x2xf32>
}

// -----

// A result that is another one reshaped is computed once, and copied.
// CHECK-LABEL: func.func @both(
// CHECK: math.exp
// CHECK-NOT: math.exp
// CHECK: func.return
func.func @both(%x: tensor<6xf32>) -> (tensor<6xf32>, tensor<2x3xf32>) {
  %a = math.exp %x : tensor<6xf32>
  %r = array.reshape %a : tensor<6xf32> to tensor<2x3xf32>
  func.return %a, %r : tensor<6xf32>, tensor<2x3xf32>
}

// -----

// Carried arrays that change places, one of them reshaped: what is overwritten is put aside before.
// CHECK-LABEL: func.func @exchanged(
// CHECK: loop.for
// CHECK: %[[R:.*]] = loop.span %{{.*}}[%c0] : !loop.buffer<2 x 3 x f32> to !loop.buffer<3 x 2 x f32>
// CHECK: %[[ASIDE:.*]] = loop.alloc : !loop.buffer<3 x 2 x f32>
// CHECK: loop.load %[[R]][
// CHECK: loop.load %[[ASIDE]][
func.func @exchanged(%a0: tensor<2x3xf32>, %b0: tensor<3x2xf32>, %xs: tensor<T x f32>) -> (tensor<2x3xf32>, tensor<3x2xf32>) {
  %a1, %b1 = array.scan carry (%a = %a0 : tensor<2x3xf32>, %b = %b0 : tensor<3x2xf32>) over (%x = %xs : tensor<T x f32>) -> (tensor<2x3xf32>, tensor<3x2xf32>) {
    %c = array.reshape %b : tensor<3x2xf32> to tensor<2x3xf32>
    %d = array.reshape %a : tensor<2x3xf32> to tensor<3x2xf32>
    array.yield %c, %d : tensor<2x3xf32>, tensor<3x2xf32>
  }
  func.return %a1, %b1 : tensor<2x3xf32>, tensor<3x2xf32>
}
