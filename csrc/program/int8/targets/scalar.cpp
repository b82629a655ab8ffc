#include <cstdint>
#include <cstring>

#include "cpu/features.h"
#include "program/int8/kernels.h"

namespace cnnkit {
namespace {
#include "program/int8/kernels.inl.h"
}  // namespace

extern const ByteKernelTable kScalarBytes = {"scalar", rows::kRows, nullptr, 0, has_scalar};
}  // namespace cnnkit
