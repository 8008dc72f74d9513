// RUN: irc-opt %s | filecheck %s
// RUN: irc-opt %s --print-generic | filecheck %s --check-prefix=GENERIC
// RUN: irc-opt %s --mlir-print-op-generic | filecheck %s --check-prefix=GENERIC
// RUN: irc-opt %s --emit=generic | filecheck %s --check-prefix=GENERIC
// RUN: irc-opt %s --print-generic | irc-opt - | filecheck %s
// RUN: irc-opt %s --elide | filecheck %s --check-prefix=ELIDE
// RUN: irc-opt %s --mlir-elide-elementsattrs-if-larger=4 | filecheck %s --check-prefix=ELIDE

// The pretty form, and MLIR's own, in which symbolic sizes are the encoding of the tensor's type.
// CHECK: func.func @f(%x: tensor<B x 4 x f32>) {
// CHECK-NEXT: arith.addf %x, %x : tensor<B x 4 x f32>
// GENERIC: ^bb0(%x: tensor<?x4xf32, ["B", 4]>):
// GENERIC-NEXT: "arith.addf"(%x, %x) : (tensor<?x4xf32, ["B", 4]>, tensor<?x4xf32, ["B", 4]>) -> tensor<?x4xf32, ["B", 4]>
func.func @f(%x: tensor<B x 4 x f32>) {
  %y = arith.addf %x, %x : tensor<B x 4 x f32>
  func.return
}

// Many numbers are a resource at the module's end; for people they are left out.
// CHECK: arith.constant dense_resource<[[NAME:data_[0-9a-f]+]]> : tensor<65xi32>
// CHECK: dialect_resources
// CHECK: [[NAME]]: "0x{{[0-9A-F]+}}"
// ELIDE: arith.constant {{dense.*}} : tensor<65xi32>
// ELIDE-NOT: dialect_resources
func.func @data() {
  %c = arith.constant dense<[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25,
    26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55,
    56, 57, 58, 59, 60, 61, 62, 63, 64]> : tensor<65xi32>
  func.return
}
