// Any convnet on the general kernels.
#pragma once

#include "runtime/engine.h"

namespace cnnkit {

std::unique_ptr<InferenceSession> make_convnet_session(const KernelTable& kernels,
                                                       const Architecture& architecture,
                                                       const float* parameters);
std::unique_ptr<Trainer> make_convnet_trainer(const KernelTable& kernels,
                                              const Architecture& architecture,
                                              const float* parameters, const float* mean,
                                              const float* square, int64_t steps);

extern const Engine kConvnetEngine;

}  // namespace cnnkit
