// RUN: irc-opt %s -p inline --split-input-file --verify-diagnostics
// RUN: not irc-opt %s -p 'inline{only=g}' --split-input-file 2>&1 | filecheck %s
// CHECK: inline: there is no function @g; there are loop

// expected-error@+1 {{@loop calls itself, so its calls cannot be inlined}}
func.func @loop(%x: f32) -> f32 {
  %y = func.call @loop(%x) : (f32) -> f32
  func.return %y : f32
}

// -----

func.func private @three(%x: tensor<K x f32>) -> tensor<K x f32> attributes {irc.symbols = {K = 3 : i64}} {
  func.return %x : tensor<K x f32>
}
func.func @four(%x: tensor<K x f32>) -> tensor<K x f32> attributes {irc.symbols = {K = 4 : i64}} {
  // expected-error@+1 {{@three has K = 3, but @four, which calls it, has 4}}
  %y = func.call @three(%x) : (tensor<K x f32>) -> tensor<K x f32>
  func.return %y : tensor<K x f32>
}
