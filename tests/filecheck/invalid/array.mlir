// RUN: irc-opt %s --split-input-file --verify-diagnostics

func.func @full() {
  // expected-error@+1 {{'array.full': the number is of type f64, the elements of f32}}
  %x = array.full 1.0 : f64 to tensor<B x f32>
  func.return
}

// -----

func.func @broadcast_dims(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{'array.broadcast': dims must name 2 dimensions, one for each of tensor<2x3xf32>}}
  %y = array.broadcast %x dims [0] : tensor<2x3xf32> to tensor<2x3xf32>
  func.return
}

// -----

func.func @broadcast_order(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{'array.broadcast': dims must be ascending dimensions of tensor<3x2xf32>}}
  %y = array.broadcast %x dims [1, 0] : tensor<2x3xf32> to tensor<3x2xf32>
  func.return
}

// -----

func.func @broadcast_sizes(%x: tensor<2xf32>) {
  // expected-error@+1 {{'array.broadcast': dimension 0 of the result, for 0 of the operand: 3 is not 2}}
  %y = array.broadcast %x dims [0] : tensor<2xf32> to tensor<3x2xf32>
  func.return
}

// -----

func.func @broadcast_elements(%x: f32) {
  // expected-error@+1 {{'array.broadcast': cannot broadcast f32 to elements of type f64}}
  %y = array.broadcast %x dims [] : f32 to tensor<2xf64>
  func.return
}

// -----

func.func @item(%x: tensor<1xf32>) {
  // expected-error@+1 {{'array.item': expected a tensor without dimensions, got tensor<1xf32>}}
  %y = array.item %x : tensor<1xf32>
  func.return
}

// -----

func.func @reshape(%x: tensor<B x 4 x f32>) {
  // expected-error@+1 {{'array.reshape': numbers of elements of (2*B) and (B, 4): 2*B is not 4*B}}
  %y = array.reshape %x : tensor<B x 4 x f32> to tensor<2*B x f32>
  func.return
}

// -----

func.func @transpose(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{'array.transpose': [0, 0] is no permutation of the dimensions of tensor<2x3xf32>}}
  %y = array.transpose %x permutation [0, 0] : tensor<2x3xf32>
  func.return
}

// -----

func.func @cast(%x: tensor<2xf32>) {
  // expected-error@+1 {{'array.cast': the shape (2) cannot become (3)}}
  %y = array.cast %x : tensor<2xf32> to tensor<3xf64>
  func.return
}

// -----

func.func @size() {
  // expected-error@+1 {{'array.size': expected a number, a symbol or '(' in dimension 'B +'}}
  %n = array.size "B +" : index
  func.return
}

// -----

func.func @iota() {
  // expected-error@+1 {{'array.iota': there is no axis 1 in 1 dimensions}}
  %i = array.iota axis 1 : tensor<B x i32>
  func.return
}

// -----

func.func @concat(%x: tensor<2x3xf32>, %y: tensor<3x3xf32>) {
  // expected-error@+1 {{'array.concat': dimension 0 of operand 1: 3 is not 2}}
  %z = array.concat %x, %y axis 1 : tensor<2x3xf32>, tensor<3x3xf32>
  func.return
}

// -----

func.func @concat_of_nothing() {
  // expected-error@+1 {{'array.concat': needs at least one operand}}
  %z = "array.concat"() <{axis = 0}> : () -> tensor<0xf32>
  func.return
}

// -----

func.func @slice(%x: tensor<4xf32>) {
  // expected-error@+1 {{'array.slice': dimension 0: the part from 2 to 5 may leave 0 to 4}}
  %y = array.slice %x offsets [2] : tensor<4xf32> to tensor<3xf32>
  func.return
}

// -----

func.func @slice_offsets(%x: tensor<4xf32>) {
  // expected-error@+1 {{'array.slice': needs 1 offsets and a result of as many dimensions, got tensor<3xf32>}}
  %y = array.slice %x offsets [0, 0] : tensor<4xf32> to tensor<3xf32>
  func.return
}

// -----

func.func @pad(%x: tensor<4xf32>) {
  // expected-error@+1 {{'array.pad': low (-1) and high (0) must not be negative}}
  %y = array.pad %x low [-1] high [0] : tensor<4xf32>
  func.return
}

// -----

func.func @pad_entries(%x: tensor<4xf32>) {
  // expected-error@+1 {{'array.pad': low and high must have 1 entries each, for tensor<4xf32>}}
  %y = array.pad %x low [0, 0] high [0] : tensor<4xf32>
  func.return
}

// -----

func.func @stack(%x: tensor<4xf32>, %y: tensor<5xf32>) {
  // expected-error@+1 {{'array.stack': all operands must have one type, got tensor<4xf32> and tensor<5xf32>}}
  %z = array.stack %x, %y axis 0 : tensor<4xf32>, tensor<5xf32>
  func.return
}

// -----

func.func @unstack(%x: tensor<B x f32>) {
  // expected-error@+1 {{'array.unstack': dimension 0 of tensor<B x f32> must be a number, to have a result for each part}}
  %y = array.unstack %x axis 0 : tensor<B x f32>
  func.return
}

// -----

func.func @gather_axis(%x: tensor<4xf32>, %i: tensor<2xi32>) {
  // expected-error@+1 {{'array.gather': there is no axis 1 in 1 dimensions}}
  %y = array.gather %x, %i axis 1 : tensor<4xf32>, tensor<2xi32>
  func.return
}

// -----

func.func @scatter(%x: tensor<3xf32>, %i: tensor<2xi32>) {
  // expected-error@+1 {{'array.scatter_add': dimension 0 of the updates: 3 is not 2}}
  %y = array.scatter_add %x, %i axis 0 : tensor<3xf32>, tensor<2xi32> to tensor<4xf32>
  func.return
}

// -----

func.func @argmax_of_none(%x: tensor<2x0xf32>) {
  // expected-error@+1 {{'array.argmax': dimension 1 of tensor<2x0xf32> has no elements, so none of them is the largest}}
  %y = array.argmax %x axis 1 : tensor<2x0xf32>
  func.return
}

// -----

func.func @reduce_kind(%x: tensor<4xf32>) {
  // expected-error@+1 {{'array.reduce': there is no reduction "median"}}
  %y = array.reduce median %x dims [0] : tensor<4xf32>
  func.return
}

// -----

func.func @reduce_dims(%x: tensor<4xf32>) {
  // expected-error@+1 {{'array.reduce': dims must be ascending dimensions of tensor<4xf32>, not [1]}}
  %y = array.reduce sum %x dims [1] : tensor<4xf32>
  func.return
}

// -----

func.func @equation(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{'array.contract': 'ij->i' is no equation of two operands, such as 'bi,oi->bo'}}
  %y = array.contract "ij->i" %x, %x : tensor<2x3xf32>, tensor<2x3xf32>
  func.return
}

// -----

func.func @equation_rank(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{'array.contract': 'i' of 'i,ij->j' names 1 dimensions of tensor<2x3xf32>}}
  %y = array.contract "i,ij->j" %x, %x : tensor<2x3xf32>, tensor<2x3xf32>
  func.return
}

// -----

func.func @equation_sizes(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{'array.contract': 'j' of 'ij,jk->ik' is 3 in tensor<2x3xf32>, but 2 in tensor<2x3xf32>}}
  %y = array.contract "ij,jk->ik" %x, %x : tensor<2x3xf32>, tensor<2x3xf32>
  func.return
}

// -----

func.func @equation_letter(%x: tensor<2x3xf32>) {
  // expected-error@+1 {{'array.contract': 'j' of 'ij,ik->k' must stand in at least two of the operands and the result}}
  %y = array.contract "ij,ik->k" %x, %x : tensor<2x3xf32>, tensor<2x3xf32>
  func.return
}

// -----

func.func @fused_arguments(%x: tensor<2xf32>) {
  // expected-error@+1 {{'array.fused': the region's arguments are (tensor<3xf32>), the operands (tensor<2xf32>)}}
  %y = "array.fused"(%x) ({
  ^bb0(%a: tensor<3xf32>):
    "array.yield"(%a) : (tensor<3xf32>) -> ()
  }) : (tensor<2xf32>) -> tensor<3xf32>
  func.return
}

// -----

func.func @fused_results(%x: tensor<2xf32>) {
  // expected-error@+1 {{'array.fused': yields (tensor<2xf32>), but has the results (tensor<3xf32>)}}
  %y = array.fused(%a = %x : tensor<2xf32>) -> tensor<3xf32> {
    array.yield %a : tensor<2xf32>
  }
  func.return
}

// -----

// What is inside is told what it uses: nothing else is seen.
func.func @fused_isolated(%x: tensor<2xf32>) {
  %y = array.fused(%a = %x : tensor<2xf32>) -> tensor<2xf32> {
    // expected-error@+1 {{%x is not defined}}
    array.yield %x : tensor<2xf32>
  }
  func.return
}

// -----

func.func @dag_kind(%x: tensor<B x I x f32>, %w: tensor<P x f32>, %offsets: tensor<R + 1 x i32>, %sources: tensor<E x i32>,
                %weights: tensor<E x i32>, %biases: tensor<R x i32>, %segments: tensor<S x 3 x i32>, %outputs: tensor<O x i32>) {
  // expected-error@+1 {{'array.dag': there is no activation 'wavy'}}
  %y = array.dag %x, %w, %offsets, %sources, %weights, %biases, %segments, %outputs kinds [#array.kind<wavy>] : tensor<B x I x f32>, tensor<P x f32>, tensor<R + 1 x i32>, tensor<E x i32>, tensor<E x i32>, tensor<R x i32>, tensor<S x 3 x i32>, tensor<O x i32>
  func.return
}

// -----

func.func @dag_layer(%x: tensor<B x I x f32>, %w: tensor<P x f32>, %offsets: tensor<R + 1 x i32>, %sources: tensor<E x i32>,
                %weights: tensor<E x i32>, %biases: tensor<R x i32>, %segments: tensor<S x 3 x i32>, %outputs: tensor<O x i32>) {
  // expected-error@+1 {{'array.dag': 'softmax' acts on a whole layer, not on single neurons}}
  %y = array.dag %x, %w, %offsets, %sources, %weights, %biases, %segments, %outputs kinds [#array.kind<softmax>] : tensor<B x I x f32>, tensor<P x f32>, tensor<R + 1 x i32>, tensor<E x i32>, tensor<E x i32>, tensor<R x i32>, tensor<S x 3 x i32>, tensor<O x i32>
  func.return
}

// -----

func.func @dag_elements(%x: tensor<B x I x f64>, %w: tensor<P x f32>, %offsets: tensor<R + 1 x i32>, %sources: tensor<E x i32>,
                %weights: tensor<E x i32>, %biases: tensor<R x i32>, %segments: tensor<S x 3 x i32>, %outputs: tensor<O x i32>) {
  // expected-error@+1 {{'array.dag': x and w must have one element type, got tensor<B x I x f64> and tensor<P x f32>}}
  %y = array.dag %x, %w, %offsets, %sources, %weights, %biases, %segments, %outputs kinds [#array.kind<relu>] : tensor<B x I x f64>, tensor<P x f32>, tensor<R + 1 x i32>, tensor<E x i32>, tensor<E x i32>, tensor<R x i32>, tensor<S x 3 x i32>, tensor<O x i32>
  func.return
}

// -----

// expected-error@+1 {{'median_of_all' is neither a number}}
module attributes {k = #array.kind<relu, median_of_all>} {
}

// -----

func.func @scan_of_nothing(%h: tensor<4xf32>) {
  // expected-error@+1 {{'array.scan': nothing says how many steps there are: scan over an array, or yield something to be stacked}}
  %l = "array.scan"(%h) <{operandSegmentSizes = array<i32: 1, 0, 0>}> ({
  ^bb0(%a: tensor<4xf32>):
    "array.yield"(%a) : (tensor<4xf32>) -> ()
  }) : (tensor<4xf32>) -> tensor<4xf32>
  func.return
}

// -----

func.func @scan_lengths(%a: tensor<T x f32>, %b: tensor<S x f32>) {
  // expected-error@+1 {{'array.scan': the steps of tensor<S x f32>: S is not T}}
  %y = array.scan over (%x = %a : tensor<T x f32>, %z = %b : tensor<S x f32>) -> tensor<T x f32> {
    array.yield %x : tensor<f32>
  }
  func.return
}

// -----

func.func @scan_yield(%a: tensor<T x f32>, %h0: tensor<2xf32>) {
  // expected-error@+1 {{'array.scan': yields (tensor<f32>), but carries (tensor<2xf32>) and stacks ()}}
  %y = array.scan carry (%h = %h0 : tensor<2xf32>) over (%x = %a : tensor<T x f32>) -> tensor<2xf32> {
    array.yield %x : tensor<f32>
  }
  func.return
}

// -----

func.func @scan_number(%a: tensor<f32>) {
  // expected-error@+1 {{tensor<f32> has no axis of steps}}
  %y = array.scan over (%x = %a : tensor<f32>) -> tensor<f32> {
    array.yield %x : tensor<f32>
  }
  func.return
}

// -----

func.func @scan_from_outside(%a: tensor<T x f32>, %h: tensor<f32>) {
  %y = array.scan over (%x = %a : tensor<T x f32>) -> tensor<T x f32> {
    // expected-error@+1 {{%h is not defined}}
    %s = arith.addf %x, %h : tensor<f32>
    array.yield %s : tensor<f32>
  }
  func.return
}

// -----

func.func @conv_channels(%x: tensor<B x 4 x 5 x 5 x f32>, %w: tensor<6x3x3x3xf32>) {
  // expected-error@+1 {{4 channels need filters of 4, not tensor<6x3x3x3xf32>}}
  %y = array.conv2d %x, %w : tensor<B x 4 x 5 x 5 x f32>, tensor<6x3x3x3xf32>
  func.return
}

// -----

func.func @conv_kernel(%x: tensor<B x 4 x 5 x 5 x f32>, %w: tensor<6x4x6x3xf32>) {
  // expected-error@+1 {{a kernel of 6x3 is larger than its input, 5x5}}
  %y = array.conv2d %x, %w : tensor<B x 4 x 5 x 5 x f32>, tensor<6x4x6x3xf32>
  func.return
}

// -----

func.func @conv_transpose(%y: tensor<B x 4 x 3 x 3 x f32>, %w: tensor<4x2x3x3xf32>) {
  // expected-error@+1 {{'array.conv2d_transpose': dimension 2 of tensor<B x 4 x 3 x 3 x f32>, the feature maps of tensor<B x 2 x 6 x 6 x f32>: 3 is not 4}}
  %x = array.conv2d_transpose %y, %w : tensor<B x 4 x 3 x 3 x f32>, tensor<4x2x3x3xf32> to tensor<B x 2 x 6 x 6 x f32>
  func.return
}

// -----

func.func @pool_gradient(%x: tensor<B x 4 x 6 x 6 x f32>, %y: tensor<B x 4 x 2 x 2 x f32>) {
  // expected-error@+1 {{pooling tensor<B x 4 x 6 x 6 x f32> gives tensor<B x 4 x 3 x 3 x f32>, not tensor<B x 4 x 2 x 2 x f32>}}
  %g = array.pool2d_gradient max %x, %y kernel [2, 2] : tensor<B x 4 x 6 x 6 x f32>, tensor<B x 4 x 2 x 2 x f32>
  func.return
}

// -----

func.func @dropout_rate(%x: tensor<B x f32>) {
  // expected-error@+1 {{'array.dropout': p must be a number from 0 to 1, not 1.5}}
  %y = array.dropout %x stream 0 {p = 1.5 : f64} : tensor<B x f32>
  func.return
}

// -----

func.func @dropout_rows(%x: tensor<f32>) {
  // expected-error@+1 {{needs a tensor whose first dimension is that of the samples, not a single number}}
  %y = array.dropout %x stream 0 {p = 0.5 : f64} : tensor<f32>
  func.return
}

// -----

func.func @running_types(%x: tensor<4xf32>, %y: tensor<3xf32>) {
  // expected-error@+1 {{expected three tensors of one type, got tensor<4xf32>, tensor<4xf32>, tensor<3xf32>}}
  %z = array.running %x, %x, %y {momentum = 0.1 : f64} : tensor<4xf32>, tensor<4xf32>, tensor<3xf32>
  func.return
}
