// RUN: irc-opt %s -p autodiff,canonicalize | filecheck %s --check-prefix=GRADIENT
// RUN: irc-opt %s -p fuse | filecheck %s --check-prefix=FUSE
// RUN: irc-opt %s -p lower-array,licm | filecheck %s --check-prefix=LOOP
// RUN: irc-opt %s -p autodiff,canonicalize,cse,fuse,lower-array,canonicalize,licm,plan-memory | filecheck %s --check-prefix=MEMORY

// The derivative stacks what is carried into the steps, and goes through these backwards; weights' gradients are carried sums.
// GRADIENT-LABEL: func.func @rnn_vjp
// GRADIENT: %last, %ys, %hs = array.scan carry
// GRADIENT: array.yield %next, %next, %h{{.*}} : tensor<B x 4 x f32>, tensor<B x 4 x f32>, tensor<B x 4 x f32>
// GRADIENT: array.scan reverse carry (%d{{.*}} = %dlast : tensor<B x 4 x f32>, %dw = %{{.*}} : tensor<4x4xf32>) over (%h = %hs : tensor<T x B x 4 x f32>, %x{{.*}} = %xs : tensor<T x B x 4 x f32>, %d{{.*}} = %dys
// GRADIENT: math.tanh
// GRADIENT: array.contract "bo,oi->bi"
// GRADIENT: array.contract "bo,bi->oi"

// A step is fused as any program is.
// FUSE-LABEL: func.func @rnn
// FUSE: array.scan
// FUSE-NEXT: array.contract
// FUSE-NEXT: array.fused
// FUSE: array.yield

// What is carried lives in the memory of the result. The weights are put in the order of the loops once, before all steps.
// LOOP-LABEL: func.func @rnn
// LOOP: loop.alloc : !loop.buffer<4 x 4 x f32>
// LOOP: loop.for %t = %c0 to %T step %c1 {
// LOOP-NEXT: %x = loop.part %xs[%t] : !loop.buffer<T x B x 4 x f32>
// LOOP-NEXT: loop.part %ys[%t] : !loop.buffer<T x B x 4 x f32>
// LOOP-NOT: loop.alloc : !loop.buffer<4 x 4 x f32>
// LOOP: loop.store %{{.*}}, %last

// What is kept for the way back is planned, as a formula of the steps and streams.
// MEMORY-LABEL: func.func @rnn_vjp
// MEMORY: irc.workspace_bytes = "{{.*}}64*((4*B*T + 15) floordiv 16){{.*}}"
func.func @rnn(%xs: tensor<T x B x 4 x f32>, %w0: tensor<4x4xf32> {irc.param = "w"}, %h0: tensor<B x 4 x f32>) -> (tensor<T x B x 4 x f32>, tensor<B x 4 x f32>) {
  %last, %ys = array.scan carry (%h = %h0 : tensor<B x 4 x f32>) over (%x = %xs : tensor<T x B x 4 x f32>) with (%w = %w0 : tensor<4x4xf32>) -> (tensor<B x 4 x f32>, tensor<T x B x 4 x f32>) {
    %a = array.contract "bi,oi->bo" %h, %w : tensor<B x 4 x f32>, tensor<4x4xf32>
    %b = arith.addf %a, %x : tensor<B x 4 x f32>
    %next = math.tanh %b : tensor<B x 4 x f32>
    array.yield %next, %next : tensor<B x 4 x f32>, tensor<B x 4 x f32>
  }
  func.return %ys, %last : tensor<T x B x 4 x f32>, tensor<B x 4 x f32>
}
