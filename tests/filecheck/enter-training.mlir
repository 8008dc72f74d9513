// RUN: irc-opt %s -p enter-training --check | filecheck %s
// RUN: irc-opt %s -p canonicalize | filecheck %s --check-prefix=ELSE
// RUN: irc-opt %s -p 'lower-array' --check | filecheck %s --check-prefix=COPY
// RUN: irc-opt %s -p 'enter-training{of=normal;left_out},add-loss{loss=mse of=normal},autodiff{of=normal_loss wrt=params},add-step{optimizer=adamw of=normal_loss},inline{only=normal_step},canonicalize,cse,dce' --check | filecheck %s --check-prefix=STEP
// RUN: irc-opt %s -p 'enter-training,add-loss{loss=mse of=left_out},autodiff{of=left_out_loss wrt=params}' --check-grad | filecheck %s --check-prefix=KEY
// RUN: irc-opt %s -p 'enter-training,add-loss{loss=mse of=left_out},autodiff{of=left_out_loss wrt=params},add-step{of=left_out_loss},inline{only=left_out_step},canonicalize,cse,dce,fuse,lower-array,canonicalize,cse,vectorize,licm,expand-math,canonicalize,cse,dce,plan-memory' --check | filecheck %s --check-prefix=LOOP

// The function stays; its companion reads the batch's statistic, and gives what the running one is next. A statistic
// that is met again goes on from there.
// CHECK-LABEL: func.func @normal(
// CHECK: array.running
// CHECK-LABEL: func.func @normal_training(
// CHECK-SAME{LITERAL}: %w: tensor<6xf32> {irc.param = "w", irc.running = [[4 : i64, 1 : i64]]}) -> (tensor<B x 2 x f32>, tensor<2xf32>)
// CHECK-SAME: irc.training_of = "normal"
// CHECK-NOT: array.running
// CHECK: %now = array.reduce sum %x dims [0]
// CHECK: %[[KEPT:.*]] = arith.mulf %{{.*}}, %before
// CHECK: %[[ONE:.*]] = arith.addf %[[KEPT]],
// CHECK: %[[AGAIN:.*]] = arith.mulf %{{.*}}, %[[ONE]]
// CHECK: %[[TWO:.*]] = arith.addf %[[AGAIN]],
// CHECK: %[[SCALE:.*]] = arith.addf %now, %now
// CHECK: %next = array.detach %[[TWO]]
// CHECK-NEXT: func.return %y, %next

// Outside of training it is what the parameter holds.
// ELSE-LABEL: func.func @normal(
// ELSE-NOT: array.running
// ELSE: arith.addf %before, %before
// COPY-LABEL: func.func @normal(
// COPY: loop.store

// No optimiser touches the statistic: it is put in its place behind the update, AdamW's decay included.
// STEP-LABEL: func.func @normal_step(
// STEP-NEXT: %x: tensor<B x 2 x f32>,
// STEP-NEXT: %target: tensor<B x 2 x f32>,
// STEP-NEXT: %w: tensor<6xf32> {irc.donated = 1 : i64, irc.param = "w"}
// STEP: %[[REST:.*]] = array.slice %{{.*}} offsets [0] : tensor<6xf32> to tensor<4xf32>
// STEP-NEXT: %[[NEW:.*]] = array.concat %[[REST]], %next axis 0
// STEP: %new_w = arith.select %{{.*}}, %[[NEW]], %w
func.func @normal(%x: tensor<B x 2 x f32>, %w: tensor<6xf32> {irc.param = "w"}) -> tensor<B x 2 x f32> {
  %before = array.slice %w offsets [4] : tensor<6xf32> to tensor<2xf32>
  %now = array.reduce sum %x dims [0] : tensor<B x 2 x f32>
  %first = array.running %before, %now, %now {momentum = 0.25 : f64} : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  %second = array.running %before, %now, %now {momentum = 0.5 : f64} : tensor<2xf32>, tensor<2xf32>, tensor<2xf32>
  %scale = arith.addf %first, %second : tensor<2xf32>
  %learnt = array.slice %w offsets [0] : tensor<6xf32> to tensor<2xf32>
  %product = arith.mulf %scale, %learnt : tensor<2xf32>
  %factor = array.broadcast %product dims [1] : tensor<2xf32> to tensor<B x 2 x f32>
  %y = arith.mulf %x, %factor : tensor<B x 2 x f32>
  func.return %y : tensor<B x 2 x f32>
}

// Random numbers follow from a key, the last argument; places within a row are counted over all of its dimensions.
// CHECK-LABEL: func.func @left_out_training(
// CHECK-SAME: %key: tensor<3xi32> {irc.key})
// CHECK: array.iota axis 0 : tensor<B x i32>
// CHECK: %[[I:.*]] = array.iota axis 1 : tensor<B x T x 3 x i32>
// CHECK: %[[ROW:.*]] = arith.muli %[[I]],
// CHECK: array.iota axis 2
// CHECK: %[[STAYS:.*]] = arith.cmpi uge, %{{.*}} : tensor<B x T x 3 x i32>
// CHECK: %[[FACTOR:.*]] = arith.select %[[STAYS]],
// CHECK: %y = arith.mulf %0, %[[FACTOR]]
// ELSE-LABEL: func.func @left_out(
// ELSE: %y = arith.mulf %x,
// ELSE-NEXT: func.return %y

// The key stands behind the target and the parameters in the loss, and last in the step.
// KEY-LABEL: func.func @left_out_loss(
// KEY-NEXT: %x: tensor<B x T x 3 x f32>,
// KEY-NEXT: %target: tensor<B x T x 3 x f32>,
// KEY-NEXT: %w: tensor<3xf32> {irc.param = "w"},
// KEY-NEXT: %key: tensor<3xi32> {irc.key}) -> tensor<f32>
// KEY: func.call @left_out_training(%x, %w, %key)
// LOOP-LABEL: func.func @left_out_step(
// LOOP: %key: !loop.buffer<3 x i32> {irc.key}
// LOOP: arith.cmpi uge, %{{.*}} : vector<
func.func @left_out(%x: tensor<B x T x 3 x f32>, %w: tensor<3xf32> {irc.param = "w"}) -> tensor<B x T x 3 x f32> {
  %factor = array.broadcast %w dims [2] : tensor<3xf32> to tensor<B x T x 3 x f32>
  %0 = arith.mulf %x, %factor : tensor<B x T x 3 x f32>
  %y = array.dropout %0 stream 1 {p = 0.25 : f64} : tensor<B x T x 3 x f32>
  func.return %y : tensor<B x T x 3 x f32>
}

// What is the same in training has no companion.
// CHECK-LABEL: func.func @plain(
// CHECK-NOT: func.func
func.func @plain(%x: tensor<B x f32>) -> tensor<B x f32> {
  func.return %x : tensor<B x f32>
}
