// A lowered graph (cnnkit/graph/program) that runs image by image.
#pragma once

#include <cstring>
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
    std::vector<ptrdiff_t> inputs;
    ptrdiff_t output;
};

// As the C format's `conv` begins.
struct ConvSizes {
    int in_h, in_w, in_c, out_h, out_w, out_c, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w,
        dilation_h, dilation_w, groups;
    explicit ConvSizes(const ProgramStep& step) {
        std::memcpy(this, step.fields.data(), sizeof *this);
    }
};

struct Program {
    std::vector<ProgramStep> steps;  // the first one takes the raw pixels
    std::vector<std::vector<float>> constants;
    std::vector<ptrdiff_t> sizes, offsets;  // of each buffer, in floats
    ptrdiff_t arena, result;
};

class ProgramSession : public InferenceSession {
  public:
    using InferenceSession::InferenceSession;
    // The algorithm of each step: its kernel's name, or that of what computes it faster.
    virtual std::vector<std::string> algorithms() const = 0;
    // Runs an image and writes the nanoseconds of each step.
    virtual void time_steps(const uint8_t* raw, int64_t* nanoseconds) const = 0;
};

// The table for an instruction set.
const ProgramKernelTable& program_kernels(const KernelTable& kernels);

// Throws std::invalid_argument if a step has arguments that its kernel would leave.
std::unique_ptr<ProgramSession> make_program_session(const KernelTable& kernels,
                                                     const Architecture& architecture,
                                                     Program program);

}  // namespace cnnkit
