#if defined(__AVX512BW__) && defined(__AVX512VNNI__)
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "cpu/features.h"
#include "program/int8/kernels.h"

namespace cnnkit {
namespace {
#include "program/int8/kernels.inl.h"
#include "integers.inl.h"
#include "cpu/simd/bytes_avx512.inl.h"
#include "program/int8/common.inl.h"
#include "program/int8/tiles.inl.h"
#include "program/int8/dense.inl.h"
#include "program/int8/winograd.inl.h"
#include "program/int8/depthwise.inl.h"
#include "program/int8/elements.inl.h"
#include "program/int8/table.inl.h"
}  // namespace

extern const ByteKernelTable kAvx512VnniBytes = {"avx512-vnni", rows::kRows, kAlgorithms,
                                                 kAlgorithmCount, has_avx512_vnni};
}  // namespace cnnkit
#endif
