// The published network on an instruction set's own functions (mnist.h), as one of the engines.
#pragma once

#include "mnist/mnist.h"
#include "runtime/engine.h"

namespace cnnkit {

// Conv 1->16 3x3, ReLU, MaxPool 2, Conv 16->4 3x3, ReLU, MaxPool 2, Linear 196->10, log-softmax.
Architecture published_architecture();

// Null where the general kernels are the faster way.
const MnistKernels* find_mnist_kernels(const KernelTable& kernels);

extern const Engine kMnistEngine;

}  // namespace cnnkit
