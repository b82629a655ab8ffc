#if defined(__AVX2__) && defined(__FMA__)
#include <cstdint>

#include "program/kernels.h"

namespace cnnkit {
namespace {
#include "program/kernels.inl.h"
}  // namespace

extern const ProgramKernelTable kAvx2Program = {rows::kRows};
}  // namespace cnnkit
#endif
