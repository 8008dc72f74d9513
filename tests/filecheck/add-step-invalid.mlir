// RUN: not irc-opt %s -p add-step 2>&1 | filecheck %s --check-prefix=NONE
// RUN: not irc-opt %s -p 'add-loss{loss=mse},autodiff{of=f_loss},add-step' 2>&1 | filecheck %s --check-prefix=NONE
// RUN: not irc-opt %s -p 'add-loss{loss=mse},autodiff{of=f_loss;g_loss wrt=params},add-step' 2>&1 | filecheck %s --check-prefix=TWO
// RUN: not irc-opt %s -p 'add-step{optimizer=adamm}' 2>&1 | filecheck %s --check-prefix=NAME
// RUN: not irc-opt %s -p 'add-step{optimizer=sgd;momentum=2}' 2>&1 | filecheck %s --check-prefix=SETTING

// The derivative must be by the parameters alone: what else it gives would be computed in vain.
// NONE: add-step: which loss? {{.*}}; found none
// TWO: found @f_loss, @g_loss
// NAME: there is no optimizer 'adamm'; the optimizers are sgd, adam, adamw
// SETTING: momentum of sgd must be below 1
func.func @f(%x: tensor<B x 2 x f32>, %w: tensor<2xf32> {irc.param = "w"}) -> tensor<B x 2 x f32> {
  %0 = array.broadcast %w dims [1] : tensor<2xf32> to tensor<B x 2 x f32>
  %y = arith.mulf %0, %x : tensor<B x 2 x f32>
  func.return %y : tensor<B x 2 x f32>
}
func.func @g(%x: tensor<B x 2 x f32>, %w: tensor<2xf32> {irc.param = "w"}) -> tensor<B x 2 x f32> {
  %0 = array.broadcast %w dims [1] : tensor<2xf32> to tensor<B x 2 x f32>
  %y = arith.addf %0, %x : tensor<B x 2 x f32>
  func.return %y : tensor<B x 2 x f32>
}
