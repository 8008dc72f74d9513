// RUN: irc-opt %s -p time-kernels --verify-diagnostics

// More results than its callers know of.
// expected-error@+1 {{@inner is called, so it must keep its results: make it private}}
func.func @inner(%x: tensor<4xf32>) -> tensor<4xf32> {
  func.return %x : tensor<4xf32>
}
func.func @outer(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = func.call @inner(%x) : (tensor<4xf32>) -> tensor<4xf32>
  func.return %0 : tensor<4xf32>
}
