#if defined(CNNKIT_AMX)  // which the build defines for dispatch.cpp as well
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
