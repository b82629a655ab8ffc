#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

#include "kernels.h"
#include "cpu/features.h"

namespace cnnkit {
namespace {
#include "integers.inl.h"
#include "cpu/simd/avx512.inl.h"
#include "cpu/simd/levels_x86.inl.h"
#include "conv/plain.inl.h"
#include "conv/block3x3.inl.h"
#include "conv/pool.inl.h"
#include "conv/direct.inl.h"
#include "conv/general.inl.h"
#include "conv/winograd_f2x2/conv.inl.h"
#include "conv/winograd_f2x1_avx512.inl.h"
#include "conv/winograd/conv.inl.h"
#include "conv/few_inputs.inl.h"
#include "conv_backward/gather_avx512.inl.h"
#include "conv_backward/table.inl.h"
#include "ops/linear.inl.h"
#include "ops/near_avx512.inl.h"
#include "ops/adam.inl.h"
#include "ops/resample.inl.h"
#include "conv/table.inl.h"
#include "roofline/roofline.inl.h"
}  // namespace

extern const KernelTable kAvx512 = {"avx512",          kLanes,           has_avx512,
                                    kConvKernels,      kConvKernelCount, kConvBackwardKernels,
                                    kLinearKernels,    adam::update,     kRoofline,
                                    resample::kKernels};
}  // namespace cnnkit
#endif
