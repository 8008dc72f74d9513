// RUN: irc-opt %s -p split-backward | filecheck %s --check-prefix=MIN
// RUN: irc-opt %s -p 'split-backward{save=all}' | filecheck %s --check-prefix=ALL

// Of x -> exp -> tanh, `min` keeps nothing, for the argument is there; `all` keeps both values.
// MIN-LABEL: func.func @chain_fwd(
// MIN: func.return %z : f32
// MIN-LABEL: func.func @chain_bwd(%x: f32, %dz: f32) -> f32
// MIN: math.exp %x
// ALL-LABEL: func.func @chain_fwd(
// ALL: func.return %z, %y, %[[SLOPE:.*]] : f32, f32, f32
// ALL-LABEL: func.func @chain_bwd(%y: f32, %{{.*}}: f32, %dz: f32) -> f32
// ALL-NOT: math.exp
// ALL: func.return
func.func @chain_vjp(%x: f32, %dz: f32) -> (f32, f32) attributes {irc.vjp_of = "chain", irc.wrt = [0 : i64]} {
  %y = math.exp %x : f32
  %z = math.tanh %y : f32
  %one = arith.constant 1.0 : f32
  %zz = arith.mulf %z, %z : f32
  %slope = arith.subf %one, %zz : f32
  %dy = arith.mulf %dz, %slope : f32
  %dx = arith.mulf %dy, %y : f32
  func.return %z, %dx : f32, f32
}

// A contraction is not computed again: what is kept follows from its result, as late as it gets no larger.
// MIN-LABEL: func.func @dense_fwd(
// MIN: func.return %y, %slope :
// MIN-LABEL: func.func @dense_bwd(%slope: tensor<B x 3 x f32>, %w: tensor<3x4xf32>, %dy: tensor<B x 3 x f32>)
// MIN-NEXT: %dz = arith.mulf %dy, %slope
// MIN-NEXT: %dx = array.contract
// MIN-NEXT: func.return %dx
func.func @dense_vjp(%x: tensor<B x 4 x f32>, %w: tensor<3x4xf32>, %dy: tensor<B x 3 x f32>)
    -> (tensor<B x 3 x f32>, tensor<B x 4 x f32>) attributes {irc.vjp_of = "dense", irc.wrt = [0 : i64]} {
  %z = array.contract "bi,oi->bo" %x, %w : tensor<B x 4 x f32>, tensor<3x4xf32>
  %y = math.tanh %z : tensor<B x 3 x f32>
  %one = array.full 1.0 : f32 to tensor<B x 3 x f32>
  %yy = arith.mulf %y, %y : tensor<B x 3 x f32>
  %slope = arith.subf %one, %yy : tensor<B x 3 x f32>
  %dz = arith.mulf %dy, %slope : tensor<B x 3 x f32>
  %dx = array.contract "bo,oi->bi" %dz, %w : tensor<B x 3 x f32>, tensor<3x4xf32>
  func.return %y, %dx : tensor<B x 3 x f32>, tensor<B x 4 x f32>
}
