// RUN: irc-opt %s --split-input-file --verify-diagnostics
// RUN: irc-opt %s --split-input-file --verify-diagnostics | filecheck %s --check-prefix=SILENT --allow-empty
// RUN: not irc-opt %s --split-input-file 2>&1 | filecheck %s

// Errors that are expected are no failure, and nothing is printed.
// SILENT-NOT: module
// CHECK: error: 'arith.addf': requires operands of the same type
func.func @next_line(%x: f32, %y: f64) {
  // expected-error@+1 {{requires operands of the same type}}
  %z = "arith.addf"(%x, %y) : (f32, f64) -> f32
  func.return
}

// -----

func.func @same_line(%x: f32) {
  func.return %x : f32 // expected-error {{returns (f32), but @same_line has the results ()}}
}

// -----

func.func @line_before() {
  func.call @missing() : () -> ()
  // expected-error@-1 {{there is no symbol @missing}}
  func.return
}

// -----

// Notes need to be expected only where one is.
// expected-note@+1 {{defined here before}}
func.func private @twice()
// expected-error@+1 {{the symbol @twice is defined twice}}
func.func private @twice()
