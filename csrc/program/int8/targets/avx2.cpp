#if defined(__AVX2__) && defined(__FMA__)
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "cpu/features.h"
#include "program/int8/kernels.h"

namespace cnnkit {
namespace {
#include "program/int8/kernels.inl.h"
#include "integers.inl.h"
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

extern const ByteKernelTable kAvx2Bytes = {"avx2", rows::kRows, kAlgorithms, kAlgorithmCount,
                                           has_avx2};
}  // namespace cnnkit
#endif
