// RUN: irc-opt %s -p expand-math --target=avx512 | filecheck %s
// RUN: irc-opt %s -p expand-math --target=generic | filecheck %s --check-prefix=PLAIN
// RUN: irc-opt %s -p 'expand-math{fast=true}' --target=avx512 | filecheck %s --check-prefix=FAST

// No function of mathematics is left; with multiply-add in the target polynomials use it, without they do not.
// CHECK-LABEL: func.func @exp
// CHECK-NOT: math.exp
// CHECK: math.fma
// CHECK-NOT: math.exp
// CHECK: func.return
// PLAIN-LABEL: func.func @exp
// PLAIN-NOT: math.fma
// PLAIN: func.return
func.func @exp(%x: f32) -> f32 {
  %y = math.exp %x : f32
  func.return %y : f32
}

// A vector stays a vector, and its constants are vectors.
// CHECK-LABEL: func.func @vector
// CHECK: arith.constant dense<{{.*}}> : vector<16xf32>
// CHECK: arith.select {{.*}} : vector<16xi1>, vector<16xf32>
// CHECK: func.return
func.func @vector(%x: vector<16xf32>) -> vector<16xf32> {
  %y = math.tanh %x : vector<16xf32>
  func.return %y : vector<16xf32>
}

// Of a tensor whose size is not known, constants are array.full, for dense ones need a size.
// CHECK-LABEL: func.func @tensor
// CHECK-NOT: arith.constant
// CHECK: array.full 1.000000e+00 : f64 to tensor<B x f64>
// CHECK: func.return
func.func @tensor(%x: tensor<B x f64>) -> tensor<B x f64> {
  %y = math.rsqrt %x : tensor<B x f64>
  func.return %y : tensor<B x f64>
}

// Half precision is computed in f32 and rounded once.
// CHECK-LABEL: func.func @half
// CHECK: %[[wide:.*]] = arith.extf %x : f16 to f32
// CHECK: math.sqrt %[[wide]] : f32
// CHECK: arith.truncf {{.*}} : f32 to f16
// CHECK-NEXT: func.return
func.func @half(%x: f16) -> f16 {
  %y = math.rsqrt %x : f16
  func.return %y : f16
}

// What is one instruction, or not a function of calculus, stays.
// CHECK-LABEL: func.func @native
// CHECK-NEXT: math.absf
// CHECK-NEXT: math.sqrt
// CHECK-NEXT: math.ceil
// CHECK-NEXT: func.return
func.func @native(%x: f32) -> f32 {
  %a = math.absf %x : f32
  %b = math.sqrt %a : f32
  %c = math.ceil %b : f32
  func.return %c : f32
}

// The fast tanh is a ratio of polynomials, without e^x and so without writing an exponent.
// FAST-LABEL: func.func @tanh
// FAST-NOT: arith.shli
// FAST: arith.divf
// FAST: func.return
// CHECK-LABEL: func.func @tanh
// CHECK: arith.shli
// CHECK: func.return
func.func @tanh(%x: f32) -> f32 {
  %y = math.tanh %x : f32
  func.return %y : f32
}

// 1 + erf(x sqrt(1/2)) is one function, for the sum would lose all digits of a small result: no erf, no sum with 1.
// CHECK-LABEL: func.func @normal
// CHECK-NOT: math.copysign
// CHECK: arith.constant 2.000000e+00
// CHECK: arith.subf
// CHECK: arith.select
// CHECK-NEXT: func.return
func.func @normal(%x: f32) -> f32 {
  %half = arith.constant 0.707106781 : f32
  %one = arith.constant 1.0 : f32
  %u = arith.mulf %x, %half : f32
  %e = math.erf %u : f32
  %s = arith.addf %e, %one : f32
  func.return %s : f32
}
