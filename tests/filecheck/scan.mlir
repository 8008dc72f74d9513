// RUN: irc-opt %s -p autodiff,canonicalize | filecheck %s --check-prefix=GRADIENT
// RUN: irc-opt %s -p fuse | filecheck %s --check-prefix=FUSE
// RUN: irc-opt %s -p lower-array,licm --target=avx512 | filecheck %s --check-prefix=LOOP
// RUN: irc-opt %s -p autodiff,canonicalize,cse,fuse,lower-array,canonicalize,licm,plan-memory | filecheck %s --check-prefix=MEMORY

// The derivative stacks what is carried into the steps and what contractions give, and goes through the steps backwards.
// The gradient of weights is one contraction over all steps, of what the steps stack: here the gradients of the input.
// GRADIENT-LABEL: func.func @rnn_vjp
// GRADIENT: %last, %ys, %hs, %as = array.scan carry
// GRADIENT: array.yield %next, %next, %h, %a : tensor<B x 4 x f32>, tensor<B x 4 x f32>, tensor<B x 4 x f32>, tensor<B x 4 x f32>
// GRADIENT: %dh0, %dxs = array.scan reverse carry (%d{{.*}} = %dlast : tensor<B x 4 x f32>) over (%a = %as : tensor<T x B x 4 x f32>, %x = %xs : tensor<T x B x 4 x f32>, %d{{.*}} = %dys
// GRADIENT-NOT: array.contract "bi,oi->bo"
// GRADIENT: math.tanh
// GRADIENT: array.contract "bo,oi->bi"
// GRADIENT: %dw0 = array.contract "abo,abi->oi" %dxs, %hs

// A step is fused as any program is.
// FUSE-LABEL: func.func @rnn
// FUSE: array.scan
// FUSE-NEXT: array.fused
// FUSE-NEXT: array.contract
// FUSE: array.yield

// What is carried lives in the memory of the result. The weights are packed once, before all steps.
// LOOP-LABEL: func.func @rnn
// LOOP: loop.alloc : !loop.buffer<1 x 8 x 16 x f32>
// LOOP: loop.for %t = %c0 to %T step %c1 {
// LOOP-NEXT: %x = loop.part %xs[%t] : !loop.buffer<T x B x 4 x f32>
// LOOP-NEXT: loop.part %ys[%t] : !loop.buffer<T x B x 4 x f32>
// LOOP-NOT: loop.alloc : !loop.buffer<1 x 8 x 16 x f32>
// LOOP: loop.store %{{.*}}, %last

// What is kept for the way back is planned, as a formula of the steps and streams.
// MEMORY-LABEL: func.func @rnn_vjp
// MEMORY: irc.workspace_bytes = "{{.*}}128*((4*B*T + 15) floordiv 16){{.*}}"
func.func @rnn(%xs: tensor<T x B x 4 x f32>, %w0: tensor<4x4xf32> {irc.param = "w"}, %h0: tensor<B x 4 x f32>) -> (tensor<T x B x 4 x f32>, tensor<B x 4 x f32>) {
  %last, %ys = array.scan carry (%h = %h0 : tensor<B x 4 x f32>) over (%x = %xs : tensor<T x B x 4 x f32>) with (%w = %w0 : tensor<4x4xf32>) -> (tensor<B x 4 x f32>, tensor<T x B x 4 x f32>) {
    %a = array.contract "bi,oi->bo" %h, %w : tensor<B x 4 x f32>, tensor<4x4xf32>
    %b = arith.addf %a, %x : tensor<B x 4 x f32>
    %next = math.tanh %b : tensor<B x 4 x f32>
    array.yield %next, %next : tensor<B x 4 x f32>, tensor<B x 4 x f32>
  }
  func.return %ys, %last : tensor<T x B x 4 x f32>, tensor<B x 4 x f32>
}
