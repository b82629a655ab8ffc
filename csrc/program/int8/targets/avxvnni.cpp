#if defined(__AVX2__) && defined(__AVXVNNI__)
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "cpu/features.h"
#include "program/int8/kernels.h"

namespace cnnkit {
namespace {
#include "program/int8/kernels.inl.h"
#include "integers.inl.h"
#define CNNKIT_VNNI(name) _mm256_##name##_avx_epi32
#include "cpu/simd/bytes_avx2.inl.h"
#include "program/int8/common.inl.h"
#include "program/int8/pixelwise.inl.h"
#include "program/int8/tiles.inl.h"
#include "program/int8/dense.inl.h"
#include "program/int8/winograd.inl.h"
#include "program/int8/depthwise.inl.h"
#include "program/int8/elements.inl.h"
#include "program/int8/table.inl.h"
}  // namespace

extern const ByteKernelTable kAvxVnniBytes = {"avx-vnni", rows::kRows, kAlgorithms, kAlgorithmCount,
                                              has_avx_vnni};
}  // namespace cnnkit
#endif
