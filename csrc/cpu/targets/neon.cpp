#if defined(__aarch64__)
#include <arm_neon.h>

#include "kernels.h"
#include "cpu/features.h"

namespace cnnkit {
namespace {
#include "integers.inl.h"
#include "cpu/simd/neon.inl.h"
#include "cpu/simd/levels_neon.inl.h"
#include "conv/plain.inl.h"
#include "conv/block3x3.inl.h"
#include "conv/pool.inl.h"
#include "conv/direct.inl.h"
#include "conv/general.inl.h"
#include "conv/winograd_f2x2/conv.inl.h"
#include "conv_backward/gather.inl.h"
#include "conv_backward/table.inl.h"
#include "ops/linear.inl.h"
#include "ops/near.inl.h"
#include "ops/adam.inl.h"
#include "ops/resample.inl.h"
#include "conv/table.inl.h"
#include "roofline/roofline.inl.h"
}  // namespace

extern const KernelTable kNeon = {"neon",           kLanes,
                                  has_neon,         kConvKernels,
                                  kConvKernelCount, kConvBackwardKernels,
                                  kLinearKernels,   adam::update,
                                  kRoofline,        resample::kKernels};
}  // namespace cnnkit
#endif
