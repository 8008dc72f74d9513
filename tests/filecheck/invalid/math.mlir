// RUN: irc-opt %s --split-input-file --verify-diagnostics

func.func @floats(%n: i32) {
  // expected-error@+1 {{'math.exp': operand 'source' must be a float, or a vector or tensor of floats, got i32}}
  %z = math.exp %n : i32
  func.return
}

// -----

func.func @no_buffers(%b: !loop.buffer<4 x f32>) {
  // expected-error@+1 {{'math.exp': operand 'source' must be a float, or a vector or tensor of floats, got !loop.buffer<4 x f32>}}
  %z = math.exp %b : !loop.buffer<4 x f32>
  func.return
}

// -----

func.func @same_types(%x: f32, %y: f64) {
  // expected-error@+1 {{'math.powf': requires operands of the same type, got f32 and f64}}
  %z = "math.powf"(%x, %y) : (f32, f64) -> f32
  func.return
}

// -----

func.func @three(%x: f32) {
  // expected-error@+1 {{'math.fma': expected 3 operands, got 2}}
  %z = "math.fma"(%x, %x) : (f32, f32) -> f32
  func.return
}

// -----

func.func @result(%x: f32) {
  // expected-error@+1 {{'math.tanh': the result must be of type f32, got of type tensor<f32>}}
  %z = "math.tanh"(%x) : (f32) -> tensor<f32>
  func.return
}
