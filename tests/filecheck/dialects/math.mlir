// RUN: irc-opt %s | filecheck %s
// RUN: irc-opt %s --print-generic | irc-opt - | filecheck %s
// RUN: irc-opt %s --print-generic | filecheck %s --check-prefix=GENERIC

// Every op of the dialect reads back from both forms.

// CHECK-LABEL: func.func @functions
// GENERIC: "math.exp"(%x) : (f32) -> f32
func.func @functions(%x: f32) {
  // CHECK-NEXT: %exp = math.exp %x : f32
  %exp = math.exp %x : f32
  // CHECK-NEXT: %exp2 = math.exp2 %x : f32
  %exp2 = math.exp2 %x : f32
  // CHECK-NEXT: %expm1 = math.expm1 %x : f32
  %expm1 = math.expm1 %x : f32
  // CHECK-NEXT: %log = math.log %x : f32
  %log = math.log %x : f32
  // CHECK-NEXT: %log2 = math.log2 %x : f32
  %log2 = math.log2 %x : f32
  // CHECK-NEXT: %log10 = math.log10 %x : f32
  %log10 = math.log10 %x : f32
  // CHECK-NEXT: %log1p = math.log1p %x : f32
  %log1p = math.log1p %x : f32
  // CHECK-NEXT: %sqrt = math.sqrt %x : f32
  %sqrt = math.sqrt %x : f32
  // CHECK-NEXT: %rsqrt = math.rsqrt %x : f32
  %rsqrt = math.rsqrt %x : f32
  // CHECK-NEXT: %sin = math.sin %x : f32
  %sin = math.sin %x : f32
  // CHECK-NEXT: %cos = math.cos %x : f32
  %cos = math.cos %x : f32
  // CHECK-NEXT: %tan = math.tan %x : f32
  %tan = math.tan %x : f32
  // CHECK-NEXT: %sinh = math.sinh %x : f32
  %sinh = math.sinh %x : f32
  // CHECK-NEXT: %cosh = math.cosh %x : f32
  %cosh = math.cosh %x : f32
  // CHECK-NEXT: %tanh = math.tanh %x : f32
  %tanh = math.tanh %x : f32
  // CHECK-NEXT: %erf = math.erf %x : f32
  %erf = math.erf %x : f32
  func.return
}

// Rounding and signs.
// CHECK-LABEL: func.func @rounding
func.func @rounding(%x: f32, %y: f32) {
  // CHECK-NEXT: %abs = math.absf %x : f32
  %abs = math.absf %x : f32
  // CHECK-NEXT: %floor = math.floor %x : f32
  %floor = math.floor %x : f32
  // CHECK-NEXT: %ceil = math.ceil %x : f32
  %ceil = math.ceil %x : f32
  // CHECK-NEXT: %trunc = math.trunc %x : f32
  %trunc = math.trunc %x : f32
  // CHECK-NEXT: %round = math.round %x : f32
  %round = math.round %x : f32
  // CHECK-NEXT: %even = math.roundeven %x : f32
  %even = math.roundeven %x : f32
  // CHECK-NEXT: %sign = math.copysign %x, %y : f32
  %sign = math.copysign %x, %y : f32
  func.return
}

// Of two and three operands.
// CHECK-LABEL: func.func @several
// GENERIC: "math.fma"(%x, %y, %x) <{fastmath = #arith.fastmath<contract>}>
func.func @several(%x: vector<8xf32>, %y: vector<8xf32>) {
  // CHECK-NEXT: %pow = math.powf %x, %y : vector<8xf32>
  %pow = math.powf %x, %y : vector<8xf32>
  // CHECK-NEXT: %fma = math.fma %x, %y, %x fastmath<contract> : vector<8xf32>
  %fma = math.fma %x, %y, %x fastmath<contract> : vector<8xf32>
  func.return
}

// Tensors of symbolic size.
// CHECK-LABEL: func.func @tensor
// GENERIC: "math.tanh"(%x) : (tensor<?xf64, ["B"]>) -> tensor<?xf64, ["B"]>
func.func @tensor(%x: tensor<B x f64>) {
  // CHECK-NEXT: %y = math.tanh %x : tensor<B x f64>
  %y = math.tanh %x : tensor<B x f64>
  func.return
}
