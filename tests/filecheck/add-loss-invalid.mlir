// RUN: irc-opt %s -p add-loss --split-input-file --verify-diagnostics
// RUN: not irc-opt %s -p 'add-loss{loss=mse of=h}' 2>&1 | filecheck %s --check-prefix=NAME
// RUN: not irc-opt %s -p 'add-loss{loss=huber;much of=f}' --split-input-file 2>&1 | filecheck %s --check-prefix=NUMBER
// RUN: not irc-opt %s -p 'add-loss{loss=hubber of=f}' --split-input-file 2>&1 | filecheck %s --check-prefix=LOSS
// NAME: add-loss: there is no function of arrays @h; there are f
// NUMBER: add-loss: 'much' is no number
// LOSS: there is no loss 'hubber'; did you mean 'huber'?

// expected-error@+1 {{add-loss: @f says no loss (irc.loss); give the option loss}}
func.func @f(%x: tensor<B x 2 x f32>) -> tensor<B x 2 x f32> {
  func.return %x : tensor<B x 2 x f32>
}

// -----

// expected-error@+1 {{a loss is for functions with one result, a tensor of floats; @two gives tensor<B x f32>, tensor<B x f32>}}
func.func @two(%x: tensor<B x f32>) -> (tensor<B x f32>, tensor<B x f32>) attributes {irc.loss = ["mse"]} {
  func.return %x, %x : tensor<B x f32>, tensor<B x f32>
}

// -----

// expected-error@+1 {{@integers gives tensor<B x i32>}}
func.func @integers(%x: tensor<B x i32>) -> tensor<B x i32> attributes {irc.loss = ["mse"]} {
  func.return %x : tensor<B x i32>
}
