// RUN: irc-opt %s -p plan-memory | filecheck %s

// The second buffer begins when the first is dead, and fits: one place for both.
// CHECK-LABEL: func.func @share
// CHECK-SAME: %workspace: !loop.buffer<64*N x i8> {irc.workspace}
// CHECK-SAME: irc.workspace_bytes = "64*N"
// CHECK: %at = loop.size "0" : index
// CHECK: %a = loop.view %workspace[%at]
// CHECK: %b = loop.view %workspace[%at]
func.func @share(%N: index, %v: vector<16xf32>) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %a = loop.alloc : !loop.buffer<N x vector<16xf32>>
  loop.store %v, %a[%c0] : vector<16xf32>, !loop.buffer<N x vector<16xf32>>
  %b = loop.alloc : !loop.buffer<N x vector<16xf32>>
  loop.store %v, %b[%c0] : vector<16xf32>, !loop.buffer<N x vector<16xf32>>
  func.return
}

// Both are alive at once: two places, 64 bytes aligned.
// CHECK-LABEL: func.func @apart
// CHECK-SAME: irc.workspace_bytes = "64*((N + 15) floordiv 16) + 64"
// CHECK-DAG: %[[A:.*]] = loop.size "0" : index
// CHECK-DAG: %[[B:.*]] = loop.size "64*((N + 15) floordiv 16)" : index
// CHECK: %a = loop.view %workspace[%[[A]]]
// CHECK: %b = loop.view %workspace[%[[B]]]
func.func @apart(%N: index) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %a = loop.alloc : !loop.buffer<N x f32>
  %b = loop.alloc : !loop.buffer<3 x f32>
  %v = loop.load %a[%c0] : !loop.buffer<N x f32>
  loop.store %v, %b[%c0] : f32, !loop.buffer<3 x f32>
  func.return
}

// A use inside a loop keeps a buffer alive until the loop ends, however early in the loop it stands.
// CHECK-LABEL: func.func @loops
// CHECK-SAME: irc.workspace_bytes = "128"
func.func @loops(%N: index) attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %a = loop.alloc : !loop.buffer<16 x f32>
  loop.for %i = %c0 to %N step %c1 {
    %v = loop.load %a[%c0] : !loop.buffer<16 x f32>
    %b = loop.alloc : !loop.buffer<16 x f32>
    loop.store %v, %b[%c0] : f32, !loop.buffer<16 x f32>
    loop.yield
  }
  func.return
}

// The caller provides what the callee needs.
// CHECK-LABEL: func.func private @callee
// CHECK-SAME: %workspace: !loop.buffer<64 x i8> {irc.workspace}
// CHECK-LABEL: func.func @caller
// CHECK-SAME: irc.workspace_bytes = "64"
// CHECK: %[[ROOM:.*]] = loop.view %workspace
// CHECK: func.call @callee(%x, %[[ROOM]])
func.func private @callee(%x: f32) {
  %c0 = arith.constant 0 : index
  %a = loop.alloc : !loop.buffer<4 x f32>
  loop.store %x, %a[%c0] : f32, !loop.buffer<4 x f32>
  func.return
}
func.func @caller(%x: f32) {
  func.call @callee(%x) : (f32) -> ()
  func.return
}

// A buffer lives as long as its parts: %b gets a place of its own.
// CHECK-LABEL: func.func @parts
// CHECK: irc.workspace_bytes = "128"
func.func @parts(%x: f32, %y: !loop.buffer<4 x f32>) {
  %zero = arith.constant 0 : index
  %a = loop.alloc : !loop.buffer<2 x 4 x f32>
  %p = loop.part %a[%zero] : !loop.buffer<2 x 4 x f32>
  loop.store %x, %p[%zero] : f32, !loop.buffer<4 x f32>
  %b = loop.alloc : !loop.buffer<2 x 4 x f32>
  loop.store %x, %b[%zero, %zero] : f32, !loop.buffer<2 x 4 x f32>
  %v = loop.load %p[%zero] : !loop.buffer<4 x f32>
  loop.store %v, %y[%zero] : f32, !loop.buffer<4 x f32>
  func.return
}
