// RUN: irc-opt %s | filecheck %s
// RUN: irc-opt %s --print-generic | irc-opt - | filecheck %s
// RUN: irc-opt %s --print-generic | filecheck %s --check-prefix=GENERIC

// Every op of the dialect reads back from both forms.

// Floats: the type of the result stands behind the colon, and is that of the operands.
// CHECK-LABEL: func.func @floats
// GENERIC: "arith.addf"(%x, %y) : (f32, f32) -> f32
func.func @floats(%x: f32, %y: f32) {
  // CHECK-NEXT: %add = arith.addf %x, %y : f32
  %add = arith.addf %x, %y : f32
  // CHECK-NEXT: %sub = arith.subf %x, %y : f32
  %sub = arith.subf %x, %y : f32
  // CHECK-NEXT: %mul = arith.mulf %x, %y : f32
  %mul = arith.mulf %x, %y : f32
  // CHECK-NEXT: %div = arith.divf %x, %y : f32
  %div = arith.divf %x, %y : f32
  // CHECK-NEXT: %rem = arith.remf %x, %y : f32
  %rem = arith.remf %x, %y : f32
  // CHECK-NEXT: %neg = arith.negf %x : f32
  %neg = arith.negf %x : f32
  // CHECK-NEXT: %max = arith.maximumf %x, %y : f32
  %max = arith.maximumf %x, %y : f32
  // CHECK-NEXT: %min = arith.minimumf %x, %y : f32
  %min = arith.minimumf %x, %y : f32
  // CHECK-NEXT: %maxnum = arith.maxnumf %x, %y : f32
  %maxnum = arith.maxnumf %x, %y : f32
  // CHECK-NEXT: %minnum = arith.minnumf %x, %y : f32
  %minnum = arith.minnumf %x, %y : f32
  func.return
}

// Tensors (of symbolic size too) and vectors are worked on element by element.
// CHECK-LABEL: func.func @shapes
// GENERIC: "arith.addf"(%x, %x) : (tensor<?x4xf64, ["B", 4]>, tensor<?x4xf64, ["B", 4]>) -> tensor<?x4xf64, ["B", 4]>
func.func @shapes(%x: tensor<B x 4 x f64>, %v: vector<8xbf16>, %s: tensor<f16>) {
  // CHECK-NEXT: %a = arith.addf %x, %x : tensor<B x 4 x f64>
  %a = arith.addf %x, %x : tensor<B x 4 x f64>
  // CHECK-NEXT: %b = arith.mulf %v, %v : vector<8xbf16>
  %b = arith.mulf %v, %v : vector<8xbf16>
  // CHECK-NEXT: %c = arith.negf %s : tensor<f16>
  %c = arith.negf %s : tensor<f16>
  func.return
}

// Liberties with floats are an attribute, absent where there are none.
// CHECK-LABEL: func.func @fastmath
// GENERIC: "arith.mulf"(%x, %x) <{fastmath = #arith.fastmath<contract>}> : (f32, f32) -> f32
func.func @fastmath(%x: f32) {
  // CHECK-NEXT: %mul = arith.mulf %x, %x fastmath<contract> : f32
  %mul = arith.mulf %x, %x fastmath<contract> : f32
  // CHECK-NEXT: %add = arith.addf %mul, %x fastmath<nnan, ninf> : f32
  %add = arith.addf %mul, %x fastmath<nnan, ninf> : f32
  // CHECK-NEXT: %none = arith.addf %x, %x : f32
  %none = arith.addf %x, %x fastmath<none> : f32
  func.return
}

// Integers and index.
// CHECK-LABEL: func.func @integers
// GENERIC: "arith.addi"(%i, %j) <{overflowFlags = #arith.overflow<nsw>}> : (i32, i32) -> i32
func.func @integers(%i: i32, %j: i32, %n: index) {
  // CHECK-NEXT: %add = arith.addi %i, %j overflow<nsw> : i32
  %add = arith.addi %i, %j overflow<nsw> : i32
  // CHECK-NEXT: %sub = arith.subi %n, %n : index
  %sub = arith.subi %n, %n : index
  // CHECK-NEXT: %mul = arith.muli %i, %j overflow<nsw, nuw> : i32
  %mul = arith.muli %i, %j overflow<nsw, nuw> : i32
  // CHECK-NEXT: %divs = arith.divsi %i, %j : i32
  %divs = arith.divsi %i, %j : i32
  // CHECK-NEXT: %divu = arith.divui %i, %j : i32
  %divu = arith.divui %i, %j : i32
  // CHECK-NEXT: %rems = arith.remsi %i, %j : i32
  %rems = arith.remsi %i, %j : i32
  // CHECK-NEXT: %remu = arith.remui %i, %j : i32
  %remu = arith.remui %i, %j : i32
  // CHECK-NEXT: %floor = arith.floordivsi %n, %n : index
  %floor = arith.floordivsi %n, %n : index
  // CHECK-NEXT: %ceil = arith.ceildivsi %n, %n : index
  %ceil = arith.ceildivsi %n, %n : index
  // CHECK-NEXT: %maxs = arith.maxsi %i, %j : i32
  %maxs = arith.maxsi %i, %j : i32
  // CHECK-NEXT: %mins = arith.minsi %i, %j : i32
  %mins = arith.minsi %i, %j : i32
  // CHECK-NEXT: %maxu = arith.maxui %i, %j : i32
  %maxu = arith.maxui %i, %j : i32
  // CHECK-NEXT: %minu = arith.minui %i, %j : i32
  %minu = arith.minui %i, %j : i32
  func.return
}

// Bits, of i1 too.
// CHECK-LABEL: func.func @bits
func.func @bits(%i: i32, %p: i1) {
  // CHECK-NEXT: %and = arith.andi %p, %p : i1
  %and = arith.andi %p, %p : i1
  // CHECK-NEXT: %or = arith.ori %i, %i : i32
  %or = arith.ori %i, %i : i32
  // CHECK-NEXT: %xor = arith.xori %i, %i : i32
  %xor = arith.xori %i, %i : i32
  // CHECK-NEXT: %left = arith.shli %i, %i overflow<nuw> : i32
  %left = arith.shli %i, %i overflow<nuw> : i32
  // CHECK-NEXT: %right = arith.shrsi %i, %i : i32
  %right = arith.shrsi %i, %i : i32
  // CHECK-NEXT: %logical = arith.shrui %i, %i : i32
  %logical = arith.shrui %i, %i : i32
  func.return
}

// A constant's type is its value's; floats print so that they read back to the same bits.
// CHECK-LABEL: func.func @constants
// GENERIC: "arith.constant"() <{value = 0x7FC00000 : f32}> : () -> f32
func.func @constants() {
  // CHECK-NEXT: %float = arith.constant 1.000000e-01 : f64
  %float = arith.constant 1.000000e-01 : f64
  // CHECK-NEXT: %nan = arith.constant 0x7FC00000 : f32
  %nan = arith.constant 0x7FC00000 : f32
  // CHECK-NEXT: %integer = arith.constant -3 : i64
  %integer = arith.constant -3 : i64
  // CHECK-NEXT: %index = arith.constant 7 : index
  %index = arith.constant 7 : index
  // CHECK-NEXT: %truth = arith.constant true
  %truth = arith.constant true
  // CHECK-NEXT: %splat = arith.constant dense<1.500000e+00> : vector<4xf32>
  %splat = arith.constant dense<1.500000e+00> : vector<4xf32>
  // CHECK-NEXT: %each = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  %each = arith.constant dense<[1, 2, 3]> : tensor<3xi32>
  func.return
}

// Comparisons name their predicate; in generic form it is MLIR's number.
// CHECK-LABEL: func.func @compare
// GENERIC: "arith.cmpf"(%x, %x) <{predicate = 2 : i64}> : (f32, f32) -> i1
// GENERIC: "arith.cmpi"(%i, %i) <{predicate = 9 : i64}> : (i32, i32) -> i1
func.func @compare(%x: f32, %t: tensor<B x f32>, %i: i32) {
  // CHECK-NEXT: %greater = arith.cmpf ogt, %x, %x : f32
  %greater = arith.cmpf ogt, %x, %x : f32
  // CHECK-NEXT: %nan = arith.cmpf uno, %x, %x : f32
  %nan = arith.cmpf uno, %x, %x : f32
  // CHECK-NEXT: %each = arith.cmpf ult, %t, %t : tensor<B x f32>
  %each = arith.cmpf ult, %t, %t : tensor<B x f32>
  // CHECK-NEXT: %signed = arith.cmpi slt, %i, %i : i32
  %signed = arith.cmpi slt, %i, %i : i32
  // CHECK-NEXT: %unsigned = arith.cmpi uge, %i, %i : i32
  %unsigned = arith.cmpi uge, %i, %i : i32
  func.return
}

// One condition for all elements, or one for each.
// CHECK-LABEL: func.func @select
func.func @select(%p: i1, %m: tensor<4xi1>, %t: tensor<4xf32>) {
  // CHECK-NEXT: %one = arith.select %p, %t, %t : tensor<4xf32>
  %one = arith.select %p, %t, %t : tensor<4xf32>
  // CHECK-NEXT: %each = arith.select %m, %t, %t : tensor<4xi1>, tensor<4xf32>
  %each = arith.select %m, %t, %t : tensor<4xi1>, tensor<4xf32>
  func.return
}

// Conversions: wider, narrower, between kinds, and of the bits.
// CHECK-LABEL: func.func @casts
// GENERIC: "arith.extf"(%h) : (f16) -> f32
func.func @casts(%h: f16, %x: f32, %i: i32, %n: index, %t: tensor<B x f32>) {
  // CHECK-NEXT: %a = arith.extf %h : f16 to f32
  %a = arith.extf %h : f16 to f32
  // CHECK-NEXT: %b = arith.truncf %t : tensor<B x f32> to tensor<B x bf16>
  %b = arith.truncf %t : tensor<B x f32> to tensor<B x bf16>
  // CHECK-NEXT: %c = arith.extsi %i : i32 to i64
  %c = arith.extsi %i : i32 to i64
  // CHECK-NEXT: %d = arith.extui %i : i32 to i64
  %d = arith.extui %i : i32 to i64
  // CHECK-NEXT: %e = arith.trunci %i overflow<nsw> : i32 to i8
  %e = arith.trunci %i overflow<nsw> : i32 to i8
  // CHECK-NEXT: %f = arith.index_cast %n : index to i64
  %f = arith.index_cast %n : index to i64
  // CHECK-NEXT: %g = arith.sitofp %i : i32 to f32
  %g = arith.sitofp %i : i32 to f32
  // CHECK-NEXT: %k = arith.uitofp %i : i32 to f64
  %k = arith.uitofp %i : i32 to f64
  // CHECK-NEXT: %l = arith.fptosi %x : f32 to i32
  %l = arith.fptosi %x : f32 to i32
  // CHECK-NEXT: %m = arith.fptoui %x : f32 to i8
  %m = arith.fptoui %x : f32 to i8
  // CHECK-NEXT: %o = arith.bitcast %x : f32 to i32
  %o = arith.bitcast %x : f32 to i32
  func.return
}
