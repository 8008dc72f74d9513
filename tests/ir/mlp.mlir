// A two-layer perceptron, 4-8-3, with softmax and cross-entropy, written by hand at array level: the mean loss of a batch
// of B samples whose targets are distributions over the three classes. @logits is shared by @predict and @loss.

func.func private @logits(%x: tensor<B x 4 x f32>, %w1: tensor<8x4xf32>, %b1: tensor<8xf32>, %w2: tensor<3x8xf32>,
                          %b2: tensor<3xf32>) -> tensor<B x 3 x f32> {
  %x1 = array.contract "bi,oi->bo" %x, %w1 : tensor<B x 4 x f32>, tensor<8x4xf32>
  %c1 = array.broadcast %b1 dims [1] : tensor<8xf32> to tensor<B x 8 x f32>
  %z1 = arith.addf %x1, %c1 : tensor<B x 8 x f32>
  %h = math.tanh %z1 : tensor<B x 8 x f32>
  %x2 = array.contract "bi,oi->bo" %h, %w2 : tensor<B x 8 x f32>, tensor<3x8xf32>
  %c2 = array.broadcast %b2 dims [1] : tensor<3xf32> to tensor<B x 3 x f32>
  %z2 = arith.addf %x2, %c2 : tensor<B x 3 x f32>
  func.return %z2 : tensor<B x 3 x f32>
}

// log softmax: z - m - log(sum(exp(z - m))) with m = max z, so that nothing overflows.
func.func private @log_softmax(%z: tensor<B x 3 x f32>) -> tensor<B x 3 x f32> {
  %m = array.reduce max %z dims [1] : tensor<B x 3 x f32>
  %ms = array.broadcast %m dims [0] : tensor<B x f32> to tensor<B x 3 x f32>
  %d = arith.subf %z, %ms : tensor<B x 3 x f32>
  %e = math.exp %d : tensor<B x 3 x f32>
  %s = array.reduce sum %e dims [1] : tensor<B x 3 x f32>
  %l = math.log %s : tensor<B x f32>
  %ls = array.broadcast %l dims [0] : tensor<B x f32> to tensor<B x 3 x f32>
  %y = arith.subf %d, %ls : tensor<B x 3 x f32>
  func.return %y : tensor<B x 3 x f32>
}

func.func @predict(%x: tensor<B x 4 x f32>, %w1: tensor<8x4xf32> {irc.param = "w1"}, %b1: tensor<8xf32> {irc.param = "b1"},
                   %w2: tensor<3x8xf32> {irc.param = "w2"}, %b2: tensor<3xf32> {irc.param = "b2"}) -> tensor<B x 3 x f32> {
  %z = func.call @logits(%x, %w1, %b1, %w2, %b2) : (tensor<B x 4 x f32>, tensor<8x4xf32>, tensor<8xf32>, tensor<3x8xf32>, tensor<3xf32>) -> tensor<B x 3 x f32>
  %l = func.call @log_softmax(%z) : (tensor<B x 3 x f32>) -> tensor<B x 3 x f32>
  %p = math.exp %l : tensor<B x 3 x f32>
  func.return %p : tensor<B x 3 x f32>
}

func.func @loss(%x: tensor<B x 4 x f32>, %target: tensor<B x 3 x f32>, %w1: tensor<8x4xf32> {irc.param = "w1"},
                %b1: tensor<8xf32> {irc.param = "b1"}, %w2: tensor<3x8xf32> {irc.param = "w2"},
                %b2: tensor<3xf32> {irc.param = "b2"}) -> f32 {
  %z = func.call @logits(%x, %w1, %b1, %w2, %b2) : (tensor<B x 4 x f32>, tensor<8x4xf32>, tensor<8xf32>, tensor<3x8xf32>, tensor<3xf32>) -> tensor<B x 3 x f32>
  %l = func.call @log_softmax(%z) : (tensor<B x 3 x f32>) -> tensor<B x 3 x f32>
  %t = arith.mulf %target, %l : tensor<B x 3 x f32>
  %all = array.reduce sum %t dims [0, 1] : tensor<B x 3 x f32>
  %total = array.item %all : tensor<f32>
  %n = array.size "B" : index
  %ni = arith.index_cast %n : index to i64
  %nf = arith.sitofp %ni : i64 to f32
  %mean = arith.divf %total, %nf : f32
  %loss = arith.negf %mean : f32
  func.return %loss : f32
}
