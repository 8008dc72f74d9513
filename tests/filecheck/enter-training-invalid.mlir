// RUN: not irc-opt %s -p 'enter-training{of=g}' 2>&1 | filecheck %s --check-prefix=NAME
// RUN: not irc-opt %s -p 'enter-training{of=no_parameter}' 2>&1 | filecheck %s --check-prefix=PARAMETER
// RUN: not irc-opt %s -p 'enter-training{of=overlap}' 2>&1 | filecheck %s --check-prefix=OVERLAP
// RUN: not irc-opt %s -p 'enter-training{of=inside}' 2>&1 | filecheck %s --check-prefix=INSIDE

// NAME: enter-training: there is no function @g; there are no_parameter, overlap, inside
// PARAMETER: enter-training-invalid.mlir:[[# @LINE + 3]]:3: error: enter-training: a running statistic must be a part, of a known size and place, of a parameter that is a vector
func.func @no_parameter(%x: tensor<2xf32>, %w: tensor<2xf32>) -> tensor<2xf32> {
  // The next line is the one that is named.
  %y = array.running %w, %x, %x {momentum = 0.1 : f64} : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  func.return %y : tensor<2xf32>
}

// OVERLAP: error: enter-training: two running statistics share a part of a parameter, but not all
func.func @overlap(%x: tensor<2xf32>, %w: tensor<3xf32> {irc.param = "w"}) -> tensor<2xf32> {
  %0 = array.slice %w offsets [0] : tensor<3xf32> to tensor<2xf32>
  %1 = array.slice %w offsets [1] : tensor<3xf32> to tensor<2xf32>
  %a = array.running %0, %x, %x {momentum = 0.1 : f64} : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  %b = array.running %1, %x, %x {momentum = 0.1 : f64} : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  %y = arith.addf %a, %b : tensor<2xf32>
  func.return %y : tensor<2xf32>
}

// INSIDE: error: enter-training: 'array.dropout' inside of 'array.scan' has no form in training
func.func @inside(%xs: tensor<T x B x f32>) -> tensor<T x B x f32> {
  %ys = array.scan over (%x = %xs : tensor<T x B x f32>) -> tensor<T x B x f32> {
    %y = array.dropout %x stream 0 {p = 0.5 : f64} : tensor<B x f32>
    array.yield %y : tensor<B x f32>
  }
  func.return %ys : tensor<T x B x f32>
}
