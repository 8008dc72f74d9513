// RUN: irc-opt %s -p 'cse,canonicalize' --time 2>&1 | filecheck %s --check-prefix=TIME
// RUN: irc-opt %s -p 'cse,canonicalize' --mlir-timing 2>&1 | filecheck %s --check-prefix=TIME
// RUN: irc-opt %s -p 'cse,canonicalize' --stats 2>&1 | filecheck %s --check-prefix=STATS
// RUN: irc-opt %s --pass-pipeline='builtin.module(cse,canonicalize)' --mlir-pass-statistics 2>&1 | filecheck %s --check-prefix=STATS
// RUN: irc-opt %s -p 'vectorize{lanes=8}' --stats 2>&1 | filecheck %s --check-prefix=OPTION
// RUN: irc-opt %s -p cse --time | filecheck %s
// RUN: irc-opt --list-passes | filecheck %s --check-prefix=LIST

// Milliseconds, share of the whole, pass; the report goes to standard error.
// TIME: ms % pass
// TIME-NEXT: {{^ +[0-9.]+ +[0-9.]+  cse$}}
// TIME-NEXT: {{^ +[0-9.]+ +[0-9.]+  canonicalize$}}
// TIME-NEXT: {{^ +[0-9.]+ +100.0  total$}}
// CHECK-NOT: total
// CHECK: func.return

// The ops that are left after each pass, and what it counted.
// STATS: cse: 3 ops; ops merged: 1
// STATS-NEXT: canonicalize: 3 ops; rewrites: 0
// OPTION: vectorize{lanes=8}: 4 ops

// LIST: autodiff
// LIST-NEXT: canonicalize
// LIST: vectorize
func.func @f(%x: f32) -> (f32, f32) {
  %a = math.exp %x : f32
  %b = math.exp %x : f32
  func.return %a, %b : f32, f32
}
