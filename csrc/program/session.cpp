#include "program/session.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "runtime/softmax.h"

namespace cnnkit {

extern const ProgramKernelTable kScalarProgram;
#if defined(__x86_64__)
extern const ProgramKernelTable kAvx2Program;
#elif defined(__aarch64__)
extern const ProgramKernelTable kNeonProgram;
#endif

namespace {

// That of an instruction set; AVX-512 runs AVX2's.
const ProgramKernelTable& find_table(const KernelTable& kernels) {
    const std::string name = kernels.name;
#if defined(__x86_64__)
    if (name != "scalar") return kAvx2Program;
#elif defined(__aarch64__)
    if (name == "neon") return kNeonProgram;
#endif
    return kScalarProgram;
}

class ProgramSession : public InferenceSession {
  public:
    ProgramSession(const KernelTable& kernels, const Architecture& architecture, Program program)
        : InferenceSession(architecture),
          program_(std::move(program)),
          pixels_(architecture.pixels()),
          classes_(architecture.classes) {
        check_buffers();
        const ProgramKernelTable& table = find_table(kernels);
        for (const ProgramStep& step : program_.steps) {
            const auto end = table.kernels + kProgramKernelCount;
            const auto found = std::find_if(table.kernels, end, [&](const ProgramKernel& kernel) {
                return step.kernel == kernel.name;
            });
            need(found != end && fits(*found, step), "step " + std::to_string(kernels_.size()));
            kernels_.push_back(found);
        }
        need(!kernels_.empty() && kernels_[0] == table.kernels, "the first step");
        const ProgramStep& pixels =
            program_.steps[0];  // whose constants are read elsewhere as well
        need(pixels.inputs[0] < -1 && pixels.inputs[1] < -1, "the first step");
    }

  private:
    static void need(bool condition, const std::string& what) {
        if (!condition) throw std::invalid_argument(what);
    }

    void check_buffers() const {
        const Program& p = program_;
        const long count = static_cast<long>(p.sizes.size());
        need(p.offsets.size() == p.sizes.size(), "the buffers");
        for (long i = 0; i < count; ++i) {
            need(p.sizes[i] >= 0 && p.offsets[i] >= 0 && p.offsets[i] <= p.arena &&
                     p.sizes[i] <= p.arena - p.offsets[i],
                 "buffer " + std::to_string(i));
        }
        need(p.result >= 0 && p.result < count && p.sizes[p.result] == classes_ && classes_ >= 1,
             "the result");
    }

    bool fits(const ProgramKernel& kernel, const ProgramStep& step) const {
        const long buffers = static_cast<long>(program_.sizes.size());
        const long constants = static_cast<long>(program_.constants.size());
        const long inputs = static_cast<long>(step.inputs.size());
        if (step.fields.size() != kernel.field_bytes || inputs != kernel.inputs) return false;
        if (step.output < 0 || step.output >= buffers) return false;
        long floats[kMostProgramInputs + 1] = {};
        for (long i = 0; i < inputs; ++i) {
            const long place = step.inputs[i];
            if (place >= buffers || -2 - place >= constants) return false;
            if (place >= 0) floats[i] = program_.sizes[place];
            if (place < -1) floats[i] = static_cast<long>(program_.constants[-2 - place].size());
        }
        // Raw pixels come from the caller, and only to the first step.
        if (step.kernel == "pixels") floats[2] = pixels_;
        if (step.kernel == "pixels" && !kernels_.empty()) return false;
        floats[inputs] = program_.sizes[step.output];
        return kernel.fits(step.fields.data(), floats);
    }

    void infer_here(const uint8_t* raw, int64_t n, const NetOutputs& out) const override {
        for (int64_t i = 0; i < n; ++i) {
            float* arena = memory();
            run(0, reinterpret_cast<const float*>(raw + i * pixels_), arena);
            finish(arena, i, out);
        }
    }

    // The first step's work on pixels that are scaled to [0, 1] already.
    void infer_here(const float* scaled, int64_t n, const NetOutputs& out) const override {
        const ProgramStep& step = program_.steps[0];
        int sizes[2];  // channels, area
        std::memcpy(sizes, step.fields.data(), sizeof sizes);
        const float* scale = program_.constants[-2 - step.inputs[0]].data();
        const float* shift = program_.constants[-2 - step.inputs[1]].data();
        for (int64_t i = 0; i < n; ++i) {
            float* arena = memory();
            float* y = arena + program_.offsets[step.output];
            const float* image = scaled + i * pixels_;
            for (long c = 0; c < sizes[0]; ++c) {
                const float whole = 255.0f * scale[c];
                for (long p = 0; p < sizes[1]; ++p)
                    y[p * sizes[0] + c] = *image++ * whole + shift[c];
            }
            run(1, nullptr, arena);
            finish(arena, i, out);
        }
    }

    float* memory() const {
        thread_local std::vector<float> arena;
        if (static_cast<long>(arena.size()) < program_.arena) arena.resize(program_.arena);
        return arena.data();
    }

    void run(size_t first, const float* raw, float* arena) const {
        for (size_t s = first; s < kernels_.size(); ++s) {
            const ProgramStep& step = program_.steps[s];
            const float* in[kMostProgramInputs] = {};
            for (size_t i = 0; i < step.inputs.size(); ++i) {
                const long place = step.inputs[i];
                if (place >= 0) in[i] = arena + program_.offsets[place];
                if (place < -1) in[i] = program_.constants[-2 - place].data();
            }
            if (s == 0) in[2] = raw;
            kernels_[s]->run(step.fields.data(), in, arena + program_.offsets[step.output]);
        }
    }

    void finish(float* arena, int64_t at, const NetOutputs& out) const {
        thread_local std::vector<float> both;
        both.resize(2 * classes_);
        const float* logits = arena + program_.offsets[program_.result];
        softmax(logits, classes_, both.data(), both.data() + classes_);
        const auto write = [&](float* where, const float* values) {
            if (where) std::copy_n(values, classes_, where + at * classes_);
        };
        write(out.logits, logits);
        write(out.log_probabilities, both.data());
        write(out.probabilities, both.data() + classes_);
        if (out.label) out.label[at] = best_class(logits, classes_);
    }

    const Program program_;
    const long pixels_, classes_;
    std::vector<const ProgramKernel*> kernels_;
};

}  // namespace

std::unique_ptr<InferenceSession> make_program_session(const KernelTable& kernels,
                                                       const Architecture& architecture,
                                                       Program program) {
    return std::make_unique<ProgramSession>(kernels, architecture, std::move(program));
}

}  // namespace cnnkit
