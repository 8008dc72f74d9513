// RUN: irc-opt %s -p 'canonicalize,cse,autodiff,fuse,lower-array' --check --check-grad --seed=1 | filecheck %s
// RUN: irc-opt %s -p canonicalize --verify-each=false | filecheck %s --check-prefix=PLAIN
// RUN: not irc-opt %s -p canonicalize --verify-each=maybe 2>&1 | filecheck %s --check-prefix=MISUSE

// Each pass is compared with what was before it, and the derivative with finite differences.
// CHECK: func.func @f(%B: index
// CHECK: func.func @f_vjp(
// PLAIN: func.func @f(%x: tensor<B x f32>)
// MISUSE: irc-opt: argument --verify-each: expected true or false, got 'maybe'
func.func @f(%x: tensor<B x f32>) -> tensor<B x f32> {
  %y = math.tanh %x : tensor<B x f32>
  %z = arith.mulf %y, %x : tensor<B x f32>
  func.return %z : tensor<B x f32>
}
