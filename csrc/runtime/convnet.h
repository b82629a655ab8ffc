// Inference of any convnet on the general kernels.
#pragma once

#include "runtime/engine.h"

namespace cnnkit {

std::unique_ptr<InferenceSession> make_convnet_session(const KernelTable& kernels,
                                                       const Architecture& architecture,
                                                       const float* parameters);
}  // namespace cnnkit
