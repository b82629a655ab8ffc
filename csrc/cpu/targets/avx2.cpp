#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

#include "kernels.h"
#include "cpu/features.h"
#include "mnist/mnist.h"

namespace cnnkit {
namespace {
#include "integers.inl.h"
#include "cpu/simd/avx2.inl.h"
#include "conv/pool.inl.h"
#include "conv/direct.inl.h"
#include "conv/winograd_f2x2/conv.inl.h"
#include "conv/winograd/conv.inl.h"
#include "conv/few_inputs.inl.h"
#include "conv_backward/table.inl.h"
#include "ops/linear.inl.h"
#include "conv/table.inl.h"
#include "roofline/roofline.inl.h"
}  // namespace

extern const Isa kAvx2 = {"avx2",     kLanes, has_avx2, kAlgorithms, kAlgorithmCount,
                          kGradients, kDense, kLimits,  &kNetAvx2};
}  // namespace cnnkit
#endif
