// A lowered integer graph (cnnkit/graph/quantised) that runs image by image.
#pragma once

#include <memory>
#include <vector>

#include "program/int8/kernels.h"
#include "program/session.h"

namespace cnnkit {

// As Program, with everything in bytes; the result's buffer holds floats, the logits.
struct ByteProgram {
    std::vector<ProgramStep> steps;  // the first one takes the raw pixels
    std::vector<std::vector<char>> constants;
    std::vector<ptrdiff_t> sizes, offsets;
    ptrdiff_t arena, result;
};

// The tables that this machine can run, best first.
std::vector<const ByteKernelTable*> available_byte_kernels();

// The best one of an instruction set.
const ByteKernelTable& byte_kernels(const KernelTable& kernels);

// Takes raw pixels only. Throws std::invalid_argument if a step has arguments that its kernel would
// leave.
std::unique_ptr<ProgramSession> make_byte_session(const ByteKernelTable& table,
                                                  const Architecture& architecture,
                                                  ByteProgram program);

}  // namespace cnnkit
