#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AVX512F__) && \
    defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>

#include "kernels.h"
#include "cpu/features.h"

namespace cnnkit {
namespace {
#include "integers.inl.h"
#include "cpu/simd/avx512.inl.h"
#include "conv/plain.inl.h"
#include "conv/pool.inl.h"
#include "conv/winograd/conv.inl.h"
#include "conv/winograd/gemm_amx.inl.h"

constexpr ConvKernel kConvKernels[] = {winograd::kTwoParts, winograd::kThreeParts};
}  // namespace

extern const KernelTableExtension kAmx = {"amx", has_amx, kConvKernels,
                                          sizeof(kConvKernels) / sizeof(kConvKernels[0])};
}  // namespace cnnkit
#endif
