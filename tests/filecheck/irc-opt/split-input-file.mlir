// RUN: irc-opt %s --split-input-file | filecheck %s
// RUN: irc-opt %s --split-input-file -p cse --dump-after=cse 2>&1 | filecheck %s --check-prefix=DUMP
// RUN: not irc-opt %s 2>&1 | filecheck %s --check-prefix=WHOLE

// Each part is a module of its own, so both may define @f.
// CHECK: module {
// CHECK-NEXT: func.func private @f(f32)
// CHECK-NEXT: }
// CHECK-NEXT: // -----
// CHECK-NEXT: module {
// CHECK-NEXT: func.func private @f(f64)
// CHECK-NEXT: }
// DUMP-COUNT-2: // -----// IR after cse //-----
// WHOLE: the symbol @f is defined twice
func.func private @f(f32)

// -----

func.func private @f(f64)
