#include <cstdint>

#include "program/kernels.h"

namespace cnnkit {
namespace {
#include "program/kernels.inl.h"
}  // namespace

extern const ProgramKernelTable kScalarProgram = {rows::kRows};
}  // namespace cnnkit
