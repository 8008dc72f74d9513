// RUN: irc-opt %s -p 'add-loss{loss=mse},autodiff{of=f_loss wrt=params},add-step{optimizer=adam;beta1=0.8},inline{only=f_step}' | filecheck %s
// RUN: irc-opt %s -p 'add-loss{loss=mse},autodiff{of=f_loss wrt=params},add-step{optimizer=adam;beta1=0.8},inline{only=f_step},canonicalize,cse,dce,fuse,lower-array' --check | filecheck %s --check-prefix=LOOP

// What changes is donated; each array that the optimiser keeps stands behind the parameters.
// CHECK-LABEL: func.func @f_step(
// CHECK-NEXT: %x: tensor<B x 2 x f32>,
// CHECK-NEXT: %target: tensor<B x 2 x f32>,
// CHECK-NEXT: %w: tensor<2xf32> {irc.donated = 1 : i64, irc.param = "w"},
// CHECK-NEXT: %m_w: tensor<2xf32> {irc.donated = 2 : i64},
// CHECK-NEXT: %v_w: tensor<2xf32> {irc.donated = 3 : i64},
// CHECK-NEXT: %steps: tensor<i64> {irc.donated = 4 : i64},
// CHECK-NEXT: %lr: tensor<f32>)
// CHECK-SAME: irc.optimizer = ["adam", "beta1=0.8"], irc.step_of = "f"
// CHECK-NOT: func.call
// CHECK: %doubt = arith.addf
// CHECK: %[[OK:.*]] = arith.cmpf oeq
// CHECK: %new_w = arith.select %[[OK]], %{{.*}}, %w
// CHECK: func.return %{{.*}}, %new_w, %new_m_w, %new_v_w, %new_steps

// At the loop level the update is one loop that reads and writes the parameters and moments in place.
// LOOP-NOT: loop.alloc : !loop.buffer<2 x f32>
// LOOP: loop.for
// LOOP-DAG: loop.load %m_w[%[[I:.*]]]
// LOOP-DAG: loop.load %w[%[[I]]]
// LOOP-DAG: loop.store %{{.*}}, %w[%[[I]]]
// LOOP-DAG: loop.store %{{.*}}, %m_w[%[[I]]]
// LOOP-DAG: loop.store %{{.*}}, %v_w[%[[I]]]
// LOOP-NOT: loop.for
// LOOP: func.return
func.func @f(%w: tensor<2xf32> {irc.param = "w"}, %x: tensor<B x 2 x f32>) -> tensor<B x 2 x f32> {
  %0 = array.broadcast %w dims [1] : tensor<2xf32> to tensor<B x 2 x f32>
  %y = arith.mulf %0, %x : tensor<B x 2 x f32>
  func.return %y : tensor<B x 2 x f32>
}
