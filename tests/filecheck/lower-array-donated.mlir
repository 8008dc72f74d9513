// RUN: irc-opt %s -p lower-array --check --split-input-file | filecheck %s

// The result is written to the argument's own memory, in the turn that reads it; nothing is allocated.
// CHECK-LABEL: func.func @in_place(
// CHECK-SAME: %N: index, %w: !loop.buffer<N x f32> {irc.donated = 0 : i64}, %g: !loop.buffer<N x f32>)
// CHECK-NOT: loop.alloc
// CHECK: loop.for
// CHECK: loop.load %w[%i]
// CHECK: loop.store %{{.*}}, %w[%i]
func.func @in_place(%w: tensor<N x f32> {irc.donated = 0 : i64}, %g: tensor<N x f32>) -> tensor<N x f32> {
  %y = arith.subf %w, %g : tensor<N x f32>
  func.return %y : tensor<N x f32>
}

// The argument is read later: the result waits elsewhere until then.
// CHECK-LABEL: func.func @read_later(
// CHECK: %[[Y:.*]] = loop.alloc
// CHECK: loop.store %{{.*}}, %[[Y]][%i]
// CHECK: loop.store %{{.*}}, %z[%i]
// CHECK: loop.load %[[Y]][%i]
// CHECK: loop.store %{{.*}}, %w[%i]
func.func @read_later(%w: tensor<N x f32> {irc.donated = 0 : i64}) -> (tensor<N x f32>, tensor<N x f32>) {
  %y = math.exp %w : tensor<N x f32>
  %z = math.tanh %w : tensor<N x f32>
  func.return %y, %z : tensor<N x f32>, tensor<N x f32>
}

// In one loop with what reads it at another place it cannot be written either.
// CHECK-LABEL: func.func @another_place(
// CHECK: loop.alloc
// CHECK: loop.load %w[%j, %i]
func.func @another_place(%w: tensor<4x4xf32> {irc.donated = 0 : i64}) -> tensor<4x4xf32> {
  %y = array.fused(%a = %w : tensor<4x4xf32>) -> tensor<4x4xf32> {
    %t = array.transpose %a permutation [1, 0] : tensor<4x4xf32>
    %s = arith.addf %a, %t : tensor<4x4xf32>
    array.yield %s : tensor<4x4xf32>
  }
  func.return %y : tensor<4x4xf32>
}

// A part of the argument that is read later, as it lies there, is a reader as well.
// CHECK-LABEL: func.func @part_read_later(
// CHECK: %[[Y:.*]] = loop.alloc
// CHECK: loop.store %{{.*}}, %[[Y]][%i]
// CHECK: %[[S:.*]] = loop.span %w[%c2]
// CHECK: %[[M:.*]] = loop.span %[[S]][%c0]
// CHECK: loop.load %[[Y]][%i]
// CHECK: loop.store %{{.*}}, %w[%i]
func.func @part_read_later(%w: tensor<6xf32> {irc.donated = 0 : i64}) -> (tensor<6xf32>, tensor<2x2xf32>) {
  %y = math.exp %w : tensor<6xf32>
  %s = array.slice %w offsets [2] : tensor<6xf32> to tensor<4xf32>
  %m = array.reshape %s : tensor<4xf32> to tensor<2x2xf32>
  %z = array.contract "ij,jk->ik" %m, %m : tensor<2x2xf32>, tensor<2x2xf32>
  func.return %y, %z : tensor<6xf32>, tensor<2x2xf32>
}

// A result that is a part of an argument is copied before another result takes its place.
// CHECK-LABEL: func.func @part_returned(
// CHECK: %[[S:.*]] = loop.span %m[%c0]
// CHECK: loop.load %w[
// CHECK: loop.store %{{.*}}, %[[S]][
// CHECK: loop.load %x[
// CHECK: loop.store %{{.*}}, %w[
func.func @part_returned(%w: tensor<6xf32> {irc.donated = 0 : i64}, %x: tensor<6xf32>) -> (tensor<6xf32>, tensor<2x2xf32>) {
  %s = array.slice %w offsets [2] : tensor<6xf32> to tensor<4xf32>
  %m = array.reshape %s : tensor<4xf32> to tensor<2x2xf32>
  func.return %x, %m : tensor<6xf32>, tensor<2x2xf32>
}

// A product of matrices reads all of an argument for each element: not in place.
// CHECK-LABEL: func.func @product(
// CHECK: loop.alloc
func.func @product(%w: tensor<4x4xf32> {irc.donated = 0 : i64}, %x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %y = array.contract "ij,jk->ik" %w, %x : tensor<4x4xf32>, tensor<4x4xf32>
  func.return %y : tensor<4x4xf32>
}

// But where it does not read the argument, and all that does comes before, a product is written there.
// CHECK-LABEL: func.func @other_product(
// CHECK-NOT: loop.alloc
// CHECK: func.return
func.func @other_product(%w: tensor<4x4xf32> {irc.donated = 0 : i64}, %x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %y = array.contract "ij,jk->ik" %x, %x : tensor<4x4xf32>, tensor<4x4xf32>
  func.return %y : tensor<4x4xf32>
}

// Two arguments that change places: both are put aside before either is overwritten.
// CHECK-LABEL: func.func @swap(
// CHECK-COUNT-2: loop.alloc
func.func @swap(%a: tensor<N x f32> {irc.donated = 0 : i64}, %b: tensor<N x f32> {irc.donated = 1 : i64})
    -> (tensor<N x f32>, tensor<N x f32>) {
  func.return %b, %a : tensor<N x f32>, tensor<N x f32>
}

// An argument that is given back as it is needs nothing.
// CHECK-LABEL: func.func @same(
// CHECK-NEXT: func.return
func.func @same(%a: tensor<3xf32> {irc.donated = 0 : i64}) -> tensor<3xf32> {
  func.return %a : tensor<3xf32>
}
