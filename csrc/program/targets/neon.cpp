#if defined(__aarch64__)
#include <cstdint>

#include "program/kernels.h"

namespace cnnkit {
namespace {
#include "program/kernels.inl.h"
}  // namespace

extern const ProgramKernelTable kNeonProgram = {rows::kRows};
}  // namespace cnnkit
#endif
