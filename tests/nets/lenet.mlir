// LeNet on images of 28 x 28: two convolutions with poolings, two dense layers.
neuron.net @lenet(%x: tensor<784xf32>) -> tensor<10xf32> parameters 431080 {
  %c1 = neuron.layer relu(%x*w[0:500] + w[500:520]) #neuron.conv2d<1x28x28, 20, 5x5>
  %p1 = neuron.layer identity(max(%c1)) #neuron.pool2d<20x24x24, 2x2>
  %c2 = neuron.layer relu(%p1*w[520:25520] + w[25520:25570]) #neuron.conv2d<20x12x12, 50, 5x5>
  %p2 = neuron.layer identity(max(%c2)) #neuron.pool2d<50x8x8, 2x2>
  %h = neuron.layer relu(%p2*w[25570:425570] + w[425570:426070]) #neuron.dense<800, 500>
  %y = neuron.layer identity(%h*w[426070:431070] + w[431070:431080]) #neuron.dense<500, 10>
  neuron.output %y : tensor<10xf32>
}
