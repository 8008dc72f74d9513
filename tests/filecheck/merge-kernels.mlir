// RUN: irc-opt %s -p 'merge-kernels{min=5}' --split-input-file --check | filecheck %s
// RUN: irc-opt %s -p 'merge-kernels{min=5},merge-kernels{min=5}' --split-input-file | filecheck %s
// RUN: irc-opt %s -p merge-kernels --split-input-file | filecheck %s --check-prefix=FEW
// RUN: irc-opt %s -p 'merge-kernels{min=5}' --split-input-file --print-locations | filecheck %s --check-prefix=NAMES
// RUN: irc-opt %s -p 'merge-kernels,parallelize,plan-memory' --split-input-file --check | filecheck %s --check-prefix=PLAN

// For kernels of few ops a call does not pay.
// FEW-NOT: func.call
// FEW-LABEL: func.func @handed_on(
// FEW: func.call @handed_on_kernel

// Kernels that differ in what they are given alone become one function. Arguments come in the order of first use,
// constants are made inside. Each call keeps the place and the name of its own kernel.
// NAMES: func.call @equal_kernel(%b, %a) : {{.*}} loc("first")
// NAMES-NEXT: func.call @equal_kernel(%a, %b) : {{.*}} loc("second")
// CHECK-LABEL: func.func @equal(
// CHECK-NEXT: func.call @equal_kernel(%b, %a) : (!loop.buffer<4 x f32>, !loop.buffer<4 x f32>) -> ()
// CHECK-NEXT: func.call @equal_kernel(%a, %b) : (!loop.buffer<4 x f32>, !loop.buffer<4 x f32>) -> ()
// CHECK-NEXT: func.return
// CHECK: func.func private @equal_kernel(%b: !loop.buffer<4 x f32>, %a: !loop.buffer<4 x f32>)
// CHECK-NEXT: %c0 = arith.constant 0
// CHECK-NEXT: %c4 = arith.constant 4
// CHECK-NEXT: %c1 = arith.constant 1
// CHECK-NEXT: loop.for %i = %c0 to %c4 step %c1 parallel {
// CHECK-NEXT: loop.load %b
func.func @equal(%a: !loop.buffer<4 x f32>, %b: !loop.buffer<4 x f32>) attributes {irc.symbols_args = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %b[%i] : !loop.buffer<4 x f32>
    %1 = math.exp %0 : f32
    loop.store %1, %a[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  } loc("first")
  loop.for %j = %c0 to %c4 step %c1 parallel {
    %x = loop.load %a[%j] : !loop.buffer<4 x f32>
    %y = math.exp %x : f32
    loop.store %y, %b[%j] : f32, !loop.buffer<4 x f32>
    loop.yield
  } loc("second")
  func.return
}

// -----

// A constant that is only added to indices is an argument where it differs, and made inside where it does not.
// CHECK-LABEL: func.func @offsets(
// CHECK: func.call @offsets_kernel(%c8, %w, %a)
// CHECK: func.call @offsets_kernel(%c12, %w, %a)
// CHECK: func.func private @offsets_kernel(%offset: index
// CHECK: %c2 = arith.constant 2 : index
// CHECK: arith.addi %i, %offset
// CHECK: arith.addi %{{.*}}, %c2
func.func @offsets(%w: !loop.buffer<32 x f32>, %a: !loop.buffer<4 x f32>) attributes {irc.symbols_args = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %c4 = arith.constant 4 : index
  %c8 = arith.constant 8 : index
  %c12 = arith.constant 12 : index
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = arith.addi %i, %c8 : index
    %1 = arith.addi %0, %c2 : index
    %2 = loop.load %w[%1] : !loop.buffer<32 x f32>
    loop.store %2, %a[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = arith.addi %i, %c12 : index
    %1 = arith.addi %0, %c2 : index
    %2 = loop.load %w[%1] : !loop.buffer<32 x f32>
    loop.store %2, %a[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}

// -----

// Sizes are equal by name, and come first: those that types or formulas name. The function knows of them what its
// caller knows. A number that is computed outside is an argument.
// CHECK-LABEL: func.func @sizes(
// CHECK: func.call @sizes_kernel(%M, %a, %s, %b) : (index, !loop.buffer<2*M x f32>, f32, !loop.buffer<2*M x f32>)
// CHECK: func.call @sizes_kernel(%M, %b, %s, %a)
// CHECK: func.func private @sizes_kernel(%M: index, %a
// CHECK-SAME: attributes {irc.symbols = {M = 3 : i64}, irc.symbols_args = ["M"]} {
// CHECK: %[[END:.*]] = loop.size "2*M" : index
// CHECK: loop.for %i = %c0 to %[[END]] step %c1
func.func @sizes(%N: index, %M: index, %n: !loop.buffer<N x f32>, %a: !loop.buffer<2*M x f32>,
                 %b: !loop.buffer<2*M x f32>) attributes {irc.symbols = {M = 3 : i64}, irc.symbols_args = ["N", "M"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %all = arith.addi %M, %M : index
  %one = arith.constant 1.0 : f32
  %s = math.exp %one : f32
  loop.for %i = %c0 to %all step %c1 parallel {
    %0 = loop.load %a[%i] : !loop.buffer<2*M x f32>
    %1 = arith.mulf %0, %s : f32
    loop.store %1, %b[%i] : f32, !loop.buffer<2*M x f32>
    loop.yield
  }
  loop.for %i = %c0 to %all step %c1 parallel {
    %0 = loop.load %b[%i] : !loop.buffer<2*M x f32>
    %1 = arith.mulf %0, %s : f32
    loop.store %1, %a[%i] : f32, !loop.buffer<2*M x f32>
    loop.yield
  }
  func.return
}

// -----

// Each of these differs from the first: in its bound, a constant, an op, the order of operands, an attribute, a type, a
// symbol, and in being given one buffer where the first is given two.
// CHECK-LABEL: func.func @differ(
// CHECK-NOT: func.call
// CHECK-NOT: func.func
func.func @differ(%N: index, %M: index, %a: !loop.buffer<4 x f32>, %b: !loop.buffer<4 x f32>,
                  %d: !loop.buffer<4 x f64>, %e: !loop.buffer<4 x f64>, %n: !loop.buffer<N x f32>,
                  %m: !loop.buffer<M x f32>) attributes {irc.symbols_args = ["N", "M"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %two = arith.constant 2.0 : f32
  %three = arith.constant 3.0 : f32
  %double = arith.constant 2.0 : f64
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %a[%i] : !loop.buffer<4 x f32>
    %1 = arith.divf %0, %two : f32
    loop.store %1, %b[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c3 step %c1 parallel {
    %0 = loop.load %a[%i] : !loop.buffer<4 x f32>
    %1 = arith.divf %0, %two : f32
    loop.store %1, %b[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %a[%i] : !loop.buffer<4 x f32>
    %1 = arith.divf %0, %three : f32
    loop.store %1, %b[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %a[%i] : !loop.buffer<4 x f32>
    %1 = arith.subf %0, %two : f32
    loop.store %1, %b[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %a[%i] : !loop.buffer<4 x f32>
    %1 = arith.divf %two, %0 : f32
    loop.store %1, %b[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 {
    %0 = loop.load %a[%i] : !loop.buffer<4 x f32>
    %1 = arith.divf %0, %two : f32
    loop.store %1, %b[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %d[%i] : !loop.buffer<4 x f64>
    %1 = arith.divf %0, %double : f64
    loop.store %1, %e[%i] : f64, !loop.buffer<4 x f64>
    loop.yield
  }
  loop.for %i = %c0 to %N step %c1 parallel {
    %0 = loop.load %n[%i] : !loop.buffer<N x f32>
    %1 = arith.divf %0, %two : f32
    loop.store %1, %n[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  loop.for %i = %c0 to %M step %c1 parallel {
    %0 = loop.load %m[%i] : !loop.buffer<M x f32>
    %1 = arith.divf %0, %two : f32
    loop.store %1, %m[%i] : f32, !loop.buffer<M x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %a[%i] : !loop.buffer<4 x f32>
    %1 = arith.divf %0, %two : f32
    loop.store %1, %a[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}

// -----

// Native functions take different arguments for different memory: a kernel that writes what it reads by another name
// stays. What is only read may be given twice.
// CHECK-LABEL: func.func @memory(
// CHECK: loop.for
// CHECK: loop.for
// CHECK: func.call @memory_kernel(%[[LEFT:.*]], %[[RIGHT:.*]], %b)
// CHECK: func.call @memory_kernel(%[[RIGHT]], %[[LEFT]], %b)
// CHECK-NOT: func.call
func.func @memory(%a: !loop.buffer<8 x f32>, %b: !loop.buffer<4 x f32>) attributes {irc.symbols_args = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %left = loop.span %a[%c0] : !loop.buffer<8 x f32> to !loop.buffer<4 x f32>
  %right = loop.span %a[%c4] : !loop.buffer<8 x f32> to !loop.buffer<4 x f32>
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %left[%i] : !loop.buffer<4 x f32>
    %1 = math.exp %0 : f32
    loop.store %1, %right[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %right[%i] : !loop.buffer<4 x f32>
    %1 = math.exp %0 : f32
    loop.store %1, %left[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %left[%i] : !loop.buffer<4 x f32>
    %1 = loop.load %right[%i] : !loop.buffer<4 x f32>
    %2 = arith.subf %0, %1 : f32
    loop.store %2, %b[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %right[%i] : !loop.buffer<4 x f32>
    %1 = loop.load %left[%i] : !loop.buffer<4 x f32>
    %2 = arith.subf %0, %1 : f32
    loop.store %2, %b[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}

// -----

// Native functions return nothing, and are given no registers but those of numbers.
// CHECK-LABEL: func.func @registers(
// CHECK-NOT: func.call
func.func @registers(%a: !loop.buffer<4 x f32>, %b: !loop.buffer<8 x f32>) attributes {irc.symbols_args = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %zero = arith.constant 0.0 : f32
  %s = loop.for %i = %c0 to %c4 step %c1 iter_args(%sum = %zero) -> (f32) {
    %0 = loop.load %a[%i] : !loop.buffer<4 x f32>
    %1 = arith.mulf %0, %0 : f32
    %2 = arith.addf %sum, %1 : f32
    loop.yield %2 : f32
  }
  %t = loop.for %i = %c0 to %c4 step %c1 iter_args(%sum = %zero) -> (f32) {
    %0 = loop.load %a[%i] : !loop.buffer<4 x f32>
    %1 = arith.mulf %0, %0 : f32
    %2 = arith.addf %sum, %1 : f32
    loop.yield %2 : f32
  }
  %both = arith.addf %s, %t : f32
  %v = loop.splat %both : f32 to vector<4xf32>
  loop.for %i = %c0 to %c4 step %c1 {
    %0 = loop.load %b[%i] lanes 4 along 0 : !loop.buffer<8 x f32>
    %1 = arith.mulf %0, %v : vector<4xf32>
    loop.store %1, %b[%i] along 0 : vector<4xf32>, !loop.buffer<8 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 {
    %0 = loop.load %b[%i] lanes 4 along 0 : !loop.buffer<8 x f32>
    %1 = arith.mulf %0, %v : vector<4xf32>
    loop.store %1, %b[%i] along 0 : vector<4xf32>, !loop.buffer<8 x f32>
    loop.yield
  }
  func.return
}

// -----

// A function that has a kernel once joins one that has it twice; kernels that each function has once stay.
// CHECK-LABEL: func.func @once(
// CHECK: func.call @once_kernel
// CHECK: math.log
// CHECK-LABEL: func.func @twice(
// CHECK: func.call @once_kernel
// CHECK: func.call @once_kernel
// CHECK: math.log
func.func @once(%a: !loop.buffer<4 x f32>) attributes {irc.symbols_args = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %a[%i] : !loop.buffer<4 x f32>
    %1 = math.exp %0 : f32
    loop.store %1, %a[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %a[%i] : !loop.buffer<4 x f32>
    %1 = math.log %0 : f32
    loop.store %1, %a[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}
func.func @twice(%a: !loop.buffer<4 x f32>, %b: !loop.buffer<4 x f32>) attributes {irc.symbols_args = []} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %a[%i] : !loop.buffer<4 x f32>
    %1 = math.exp %0 : f32
    loop.store %1, %a[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %b[%i] : !loop.buffer<4 x f32>
    %1 = math.exp %0 : f32
    loop.store %1, %b[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  loop.for %i = %c0 to %c4 step %c1 parallel {
    %0 = loop.load %b[%i] : !loop.buffer<4 x f32>
    %1 = math.log %0 : f32
    loop.store %1, %b[%i] : f32, !loop.buffer<4 x f32>
    loop.yield
  }
  func.return
}

// -----

// Memory and threads of a kernel are its caller's: the calls share one place for what the kernel allocates, and the
// team is handed on.
// PLAN-LABEL: func.func @handed_on(
// PLAN: irc.team, irc.workspace_bytes = "[[BYTES:.*]]"}
// PLAN: %[[AT:.*]] = loop.size "0"
// PLAN-NEXT: %[[ROOM:.*]] = loop.view %workspace[%[[AT]]]
// PLAN-NEXT: func.call @handed_on_kernel(%N, %a, %b, %[[ROOM]]) :
// PLAN-NEXT: %[[AGAIN:.*]] = loop.view %workspace[%[[AT]]]
// PLAN-NEXT: func.call @handed_on_kernel(%N, %b, %a, %[[AGAIN]]) :
// PLAN: func.func private @handed_on_kernel(
// PLAN: irc.team, irc.workspace_bytes = "[[BYTES]]"}
// PLAN: loop.for {{.*}} parallel work
func.func @handed_on(%N: index, %a: !loop.buffer<N x f32>, %b: !loop.buffer<N x f32>)
    attributes {irc.symbols_args = ["N"]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %all = loop.size "100*N" : index
  loop.for %i = %c0 to %N step %c1 {
    %t = loop.alloc : !loop.buffer<100*N x f32>
    loop.for %j = %c0 to %all step %c1 parallel {
      %0 = loop.load %a[%i] : !loop.buffer<N x f32>
      %1 = math.exp %0 : f32
      %2 = math.tanh %1 : f32
      %3 = math.sin %2 : f32
      loop.store %3, %t[%j] : f32, !loop.buffer<100*N x f32>
      loop.yield
    }
    %4 = loop.load %t[%i] : !loop.buffer<100*N x f32>
    loop.store %4, %b[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  loop.for %i = %c0 to %N step %c1 {
    %t = loop.alloc : !loop.buffer<100*N x f32>
    loop.for %j = %c0 to %all step %c1 parallel {
      %0 = loop.load %b[%i] : !loop.buffer<N x f32>
      %1 = math.exp %0 : f32
      %2 = math.tanh %1 : f32
      %3 = math.sin %2 : f32
      loop.store %3, %t[%j] : f32, !loop.buffer<100*N x f32>
      loop.yield
    }
    %4 = loop.load %t[%i] : !loop.buffer<100*N x f32>
    loop.store %4, %a[%i] : f32, !loop.buffer<N x f32>
    loop.yield
  }
  func.return
}
