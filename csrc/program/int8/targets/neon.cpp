#if defined(__aarch64__)
#include <arm_neon.h>

#include <cstdint>
#include <cstring>

#include "cpu/features.h"
#include "program/int8/kernels.h"

namespace cnnkit {
namespace {
#include "program/int8/kernels.inl.h"
#include "integers.inl.h"
#include "cpu/simd/bytes_neon.inl.h"
#include "program/int8/common.inl.h"
#include "program/int8/pixelwise.inl.h"
#include "program/int8/tiles.inl.h"
#include "program/int8/dense.inl.h"
#include "program/int8/depthwise.inl.h"
#include "program/int8/elements.inl.h"
#include "program/int8/table.inl.h"
}  // namespace

extern const ByteKernelTable kNeonBytes = {"neon", rows::kRows, kAlgorithms, kAlgorithmCount,
                                           has_neon};
}  // namespace cnnkit
#endif
