// A lowered graph (cnnkit/graph/program) that runs image by image.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "program/kernels.h"
#include "runtime/engine.h"

namespace cnnkit {

struct ProgramStep {
    std::string kernel;
    std::vector<char> fields;
    // A buffer from 0 up; -1 is no argument, -2 the first constant, -3 the second and so on.
    std::vector<long> inputs;
    long output;
};

struct Program {
    std::vector<ProgramStep> steps;  // the first one takes the raw pixels
    std::vector<std::vector<float>> constants;
    std::vector<long> sizes, offsets;  // of each buffer, in floats
    long arena, result;
};

// Throws std::invalid_argument if a step has arguments that its kernel would leave.
std::unique_ptr<InferenceSession> make_program_session(const KernelTable& kernels,
                                                       const Architecture& architecture,
                                                       Program program);

}  // namespace cnnkit
