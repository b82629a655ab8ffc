// Any convnet: inference on the general kernels, training layer by layer.
#pragma once

#include "runtime/engine.h"

namespace cnnkit {

extern const Engine kConvnetEngine;

}  // namespace cnnkit
