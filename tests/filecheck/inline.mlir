// RUN: irc-opt %s -p inline | filecheck %s
// RUN: irc-opt %s -p 'inline{only=f}' --check | filecheck %s --check-prefix=F
// RUN: irc-opt %s -p 'inline{only=twice}' | filecheck %s --check-prefix=ONLY

// Callees come first: what is called calls another itself. Private functions that nothing calls any more go.
// CHECK-NOT: @square
// CHECK-NOT: @fourth
// CHECK-LABEL: func.func @f(
// CHECK-NOT: func.call
// CHECK-COUNT-2: arith.mulf
// CHECK: func.return %b
// F: func.func @f(
// F-NOT: func.func
// ONLY-NOT: @f(
func.func private @square(%x: tensor<N x f32>) -> tensor<N x f32> {
  %y = arith.mulf %x, %x : tensor<N x f32>
  func.return %y : tensor<N x f32>
}
func.func private @fourth(%x: tensor<N x f32>) -> tensor<N x f32> {
  %a = func.call @square(%x) : (tensor<N x f32>) -> tensor<N x f32>
  %b = func.call @square(%a) : (tensor<N x f32>) -> tensor<N x f32>
  func.return %b : tensor<N x f32>
}
func.func @f(%x: tensor<N x f32>) -> tensor<N x f32> {
  %b = func.call @fourth(%x) : (tensor<N x f32>) -> tensor<N x f32>
  func.return %b : tensor<N x f32>
}

// A public function stays although nothing calls it, unless only others are wanted. A callee may give an argument back.
// CHECK-LABEL: func.func @id(
// CHECK-LABEL: func.func @twice(%x: f32) -> (f32, f32)
// CHECK-NEXT: func.return %x, %x
// ONLY-NOT: @id
// ONLY: func.func @twice
func.func @id(%x: f32) -> f32 {
  func.return %x : f32
}
func.func @twice(%x: f32) -> (f32, f32) {
  %y = func.call @id(%x) : (f32) -> f32
  func.return %x, %y : f32, f32
}

// What the callee knows of its sizes the caller knows then.
// CHECK-LABEL: func.func @known_too
// CHECK-SAME: irc.symbols = {K = 3 : i64}
func.func private @known(%x: tensor<K x f32>) -> tensor<K x f32> attributes {irc.symbols = {K = 3 : i64}} {
  %y = math.exp %x : tensor<K x f32>
  func.return %y : tensor<K x f32>
}
func.func @known_too(%x: tensor<K x f32>) -> tensor<K x f32> {
  %y = func.call @known(%x) : (tensor<K x f32>) -> tensor<K x f32>
  func.return %y : tensor<K x f32>
}
