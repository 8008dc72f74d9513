// RUN: irc-opt %s | filecheck %s
// RUN: irc-opt %s --print-generic | irc-opt - | filecheck %s
// RUN: irc-opt %s --print-generic | filecheck %s --check-prefix=GENERIC

// Every op of the dialect reads back from both forms.

// A declaration has no body; arguments have types only.
// CHECK: func.func private @declared(f32, tensor<B x f32>) -> index
// GENERIC: "func.func"() <{function_type = (f32, tensor<?xf32, ["B"]>) -> index, sym_name = "declared", sym_visibility = "private"}> ({
// GENERIC-NEXT: }) : () -> ()
func.func private @declared(f32, tensor<B x f32>) -> index

// No arguments, no results.
// CHECK: func.func @empty() {
// CHECK-NEXT: func.return
// CHECK-NEXT: }
func.func @empty() {
  func.return
}

// The dialect's name may be left out of its two most frequent ops, as in MLIR.
// CHECK: func.func @short(%x: f32) -> f32 {
// CHECK-NEXT: func.return %x : f32
func.func @short(%x: f32) -> f32 {
  return %x : f32
}

// Arguments, results and the function may carry attributes.
// CHECK: func.func @attributes(%x: f32, %w: tensor<2xf32> {irc.param = "w"}) -> (f32, f32 {test.note = 1 : i64}) attributes {test.mark} {
// GENERIC: arg_attrs = [{}, {irc.param = "w"}]
// GENERIC-SAME: res_attrs = [{}, {test.note = 1 : i64}]
// GENERIC-SAME: sym_name = "attributes"
// GENERIC: }) {test.mark} : () -> ()
func.func @attributes(%x: f32, %w: tensor<2xf32> {irc.param = "w"}) -> (f32, f32 {test.note = 1}) attributes {test.mark} {
  func.return %x, %x : f32, f32
}

// Calls give any number of results; a name of several is one with numbers.
// CHECK-LABEL: func.func @calls
// GENERIC: "func.call"(%x, %w) <{callee = @attributes}> : (f32, tensor<2xf32>) -> (f32, f32)
func.func @calls(%x: f32, %w: tensor<2xf32>) -> f32 {
  // CHECK-NEXT: func.call @empty() : () -> ()
  call @empty() : () -> ()
  // CHECK-NEXT: %r:2 = func.call @attributes(%x, %w) : (f32, tensor<2xf32>) -> (f32, f32)
  %r:2 = func.call @attributes(%x, %w) : (f32, tensor<2xf32>) -> (f32, f32)
  // CHECK-NEXT: func.return %r#1 : f32
  func.return %r#1 : f32
}
