#if defined(__aarch64__)
#include <arm_neon.h>

#include "cnnkit.h"
#include "isa.h"

namespace cnnkit {
namespace {
#include "sizes.inl.h"
#include "vec_neon.inl.h"
#include "pool.inl.h"
#include "direct.inl.h"
#include "winograd_small.inl.h"
#include "gradient.inl.h"
#include "dense.inl.h"
#include "kernels.inl.h"
#include "limits.inl.h"
}  // namespace

extern const Isa kNeon = {"neon",     kLanes, has_neon, kAlgorithms, kAlgorithmCount,
                          kGradients, kDense, kLimits,  nullptr};
}  // namespace cnnkit
#endif
