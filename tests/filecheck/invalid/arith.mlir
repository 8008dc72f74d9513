// RUN: irc-opt %s --split-input-file --verify-diagnostics

func.func @same_types(%x: f32, %y: f64) {
  // expected-error@+1 {{'arith.mulf': requires operands of the same type, got f32 and f64}}
  %z = "arith.mulf"(%x, %y) : (f32, f64) -> f32
  func.return
}

// -----

// Sizes that are not provably the same are different.
func.func @same_sizes(%x: tensor<B x f32>, %y: tensor<N x f32>) {
  // expected-error@+1 {{'arith.mulf': requires operands of the same type, got tensor<B x f32> and tensor<N x f32>}}
  %z = "arith.mulf"(%x, %y) : (tensor<?xf32, ["B"]>, tensor<?xf32, ["N"]>) -> tensor<?xf32, ["B"]>
  func.return
}

// -----

func.func @floats(%n: i32) {
  // expected-error@+1 {{'arith.negf': operand 'source' must be a float, or a vector or tensor of floats, got i32}}
  %z = arith.negf %n : i32
  func.return
}

// -----

func.func @integers(%x: f32) {
  // expected-error@+1 {{'arith.addi': operand 'lhs' must be an integer or index, or a vector or tensor of them, got f32}}
  %z = arith.addi %x, %x : f32
  func.return
}

// -----

func.func @predicate(%x: f32) {
  // expected-error@+1 {{unknown predicate 'slt'}}
  %z = arith.cmpf slt, %x, %x : f32
  func.return
}

// -----

func.func @predicate_number(%n: i32) {
  // expected-error@+1 {{'arith.cmpi': there is no predicate 10}}
  %z = "arith.cmpi"(%n, %n) <{predicate = 10 : i64}> : (i32, i32) -> i1
  func.return
}

// -----

func.func @flag(%x: f32) {
  // expected-error@+1 {{unknown flag 'slow'}}
  %z = arith.addf %x, %x fastmath<slow> : f32
  func.return
}

// -----

func.func @constant_type() {
  // expected-error@+1 {{'arith.constant': the result must be of type f32, got of type f64}}
  %c = "arith.constant"() <{value = 1.0 : f32}> : () -> f64
  func.return
}

// -----

func.func @constant_kind() {
  // expected-error@+1 {{expected a number or a dense attribute with a type, got "one"}}
  %c = arith.constant "one"
  func.return
}

// -----

func.func @constant_without_size() {
  // expected-error@+1 {{elements need a static shape, not tensor<B x f32>; use array.full for one value of any shape}}
  %c = arith.constant dense<1.0> : tensor<B x f32>
  func.return
}

// -----

func.func @condition(%m: tensor<2xi1>, %x: tensor<4xf32>) {
  // expected-error@+1 {{'arith.select': the condition must be i1 or tensor<4xi1>, got tensor<2xi1>}}
  %z = arith.select %m, %x, %x : tensor<2xi1>, tensor<4xf32>
  func.return
}

// -----

func.func @wider(%x: f64) {
  // expected-error@+1 {{'arith.extf': f32 is not wider than f64}}
  %z = arith.extf %x : f64 to f32
  func.return
}

// -----

func.func @narrower(%x: i32) {
  // expected-error@+1 {{'arith.trunci': i32 is not narrower than i32}}
  %z = arith.trunci %x : i32 to i32
  func.return
}

// -----

func.func @shapes(%x: tensor<2xf32>) {
  // expected-error@+1 {{'arith.extf': cannot convert tensor<2xf32> to tensor<3xf64>: the shapes differ}}
  %z = arith.extf %x : tensor<2xf32> to tensor<3xf64>
  func.return
}

// -----

func.func @index_cast(%x: i32) {
  // expected-error@+1 {{'arith.index_cast': one side must be index, got i32 and i64}}
  %z = arith.index_cast %x : i32 to i64
  func.return
}

// -----

func.func @index_to_float(%x: index) {
  // expected-error@+1 {{'arith.sitofp': index is converted by arith.index_cast}}
  %z = arith.sitofp %x : index to f32
  func.return
}

// -----

func.func @bits(%x: f32) {
  // expected-error@+1 {{'arith.bitcast': cannot read the bits of f32 as i64}}
  %z = arith.bitcast %x : f32 to i64
  func.return
}
