// RUN: irc-opt %s --split-input-file | filecheck %s
// RUN: irc-opt %s --split-input-file --print-generic | filecheck %s --check-prefix=GENERIC

// A file without a module is one.
// CHECK: module {
// CHECK-NEXT: func.func private @f()
// CHECK-NEXT: }
// GENERIC: "builtin.module"() ({
// GENERIC-NEXT: "func.func"()
func.func private @f()

// -----

// The op's full name may be written, and a module may have a name and attributes.
// CHECK: module @named attributes {test.note = "n"} {
// CHECK-NEXT: }
// GENERIC: "builtin.module"() <{sym_name = "named"}> ({
// GENERIC-NEXT: ^bb0:
// GENERIC-NEXT: }) {test.note = "n"} : () -> ()
builtin.module @named attributes {test.note = "n"} {
}

// -----

// Generic text reads as well as pretty text.
// CHECK: module @generic {
// CHECK-NEXT: func.func private @g(f32)
"builtin.module"() <{sym_name = "generic"}> ({
  "func.func"() <{function_type = (f32) -> (), sym_name = "g", sym_visibility = "private"}> ({}) : () -> ()
}) : () -> ()

// -----

// Attributes of every kind, sorted by name.
// CHECK: module attributes {
// CHECK-SAME: test.a = array<i32: 1, 2>
// CHECK-SAME: test.b = true
// CHECK-SAME: test.c = [1 : i64, "two", f32]
// CHECK-SAME: test.d = dense<[1.000000e+00, 2.000000e+00]> : tensor<2xf32>
// CHECK-SAME: test.e = @f
// CHECK-SAME: test.f = {k, l}
// CHECK-SAME: test.g = "q\22\0A"
// CHECK-SAME: test.h = 0x7F800000 : f32
module attributes {
  test.h = 0x7F800000 : f32, test.g = "q\"\n", test.f = {l, k = unit}, test.e = @f,
  test.d = dense<[1.0, 2.0]> : tensor<2xf32>, test.c = [1, "two", f32], test.b = true, test.a = array<i32: 1, 2>
} {
  func.func private @f()
}
