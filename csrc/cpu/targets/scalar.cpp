#include "kernels.h"
#include "cpu/features.h"

namespace cnnkit {
namespace {
#include "integers.inl.h"
#include "cpu/simd/scalar.inl.h"
#include "conv/pool.inl.h"
#include "conv/direct.inl.h"
#include "conv/winograd_f2x2/conv.inl.h"
#include "conv_backward/table.inl.h"
#include "ops/linear.inl.h"
#include "conv/table.inl.h"
#include "roofline/roofline.inl.h"
}  // namespace

extern const Isa kScalar = {"scalar",   kLanes, has_scalar, kAlgorithms, kAlgorithmCount,
                            kGradients, kDense, kLimits,    nullptr};
}  // namespace cnnkit
