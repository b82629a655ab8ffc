#include "program/int8/session.h"

#include <algorithm>
#include <cstring>

#include "program/steps.h"
#include "runtime/outputs.h"

namespace cnnkit {
namespace {

class Session : public StepSession<ByteKernel, ByteAlgorithm> {
  public:
    Session(const ByteKernelTable& table, const Architecture& architecture, ByteProgram program)
        : StepSession(architecture), program_(std::move(program)), table_(table) {
        check_buffers(program_, sizeof(float));
        for (std::vector<char>& constant : program_.constants) {
            lengths_.push_back(static_cast<ptrdiff_t>(constant.size()));
            constant.resize(constant.size() + kByteSlack);
        }
        choose_steps(program_.steps, table.kernels, kByteKernelCount);
    }

  private:
    void choose(const ProgramStep& step, Step& chosen) override {
        const void* fields = step.fields.data();
        bool constant = step.inputs.size() > 3;
        for (size_t i = 0; constant && i < 3; ++i) constant = step.inputs[i] < -1;
        const void* in[kMostByteInputs];
        arguments(step, nullptr, nullptr, in);
        for (int i = 0; i < table_.algorithm_count; ++i) {
            const ByteAlgorithm& algorithm = table_.algorithms[i];
            if (step.kernel != algorithm.kernel || !algorithm.fits(fields)) continue;
            if (algorithm.prepare) {
                if (!constant) continue;
                chosen.prepared = allocate(algorithm.prepared_bytes(fields));
                if (!algorithm.prepare(fields, in, chosen.prepared.get())) continue;
            }
            workspace_ = std::max(workspace_, algorithm.workspace_bytes(fields));
            chosen.algorithm = &algorithm;
            return;
        }
    }

    bool fits(const ByteKernel& kernel, const ProgramStep& step) const override {
        const ptrdiff_t buffers = static_cast<ptrdiff_t>(program_.sizes.size());
        const ptrdiff_t constants = static_cast<ptrdiff_t>(program_.constants.size());
        const ptrdiff_t inputs = static_cast<ptrdiff_t>(step.inputs.size());
        if (step.fields.size() != kernel.field_bytes || inputs != kernel.inputs) return false;
        if (step.output < 0 || step.output >= buffers) return false;
        // Floats are written to the result alone, and nothing else is.
        const bool floats = step.kernel == "scores" || step.kernel == "numbers";
        if (floats != (step.output == program_.result)) return false;
        ptrdiff_t bytes[kMostByteInputs + 1] = {};
        for (ptrdiff_t i = 0; i < inputs; ++i) {
            const ptrdiff_t place = step.inputs[i];
            if (place >= buffers || -2 - place >= constants || place == program_.result)
                return false;
            if (place >= 0) bytes[i] = program_.sizes[place];
            if (place < -1) bytes[i] = lengths_[-2 - place];
        }
        // Raw pixels come from the caller, and only to the first step.
        if (step.kernel == "pixels") bytes[1] = pixels_;
        if (step.kernel == "pixels" && !steps_.empty()) return false;
        bytes[inputs] = program_.sizes[step.output];
        return kernel.fits(step.fields.data(), bytes);
    }

    // In float's multiply-adds, of which those of integers take half the time.
    double work_of(const ProgramStep& step) const override {
        const double bytes = static_cast<double>(program_.sizes[step.output]);
        if (step.kernel != "conv" && step.kernel != "depthwise") return 4 * bytes;
        const ConvSizes c(step);
        return 0.5 * bytes * c.kernel_h * c.kernel_w * c.in_c / c.groups;
    }

    void run_step(size_t step, const uint8_t* raw) const override {
        run(step, step + 1, raw, memory(), 1);
    }

    void infer_wide(const float*, int64_t, const NetOutputs&, int) const override {
        throw std::invalid_argument("floats");
    }
    void infer_wide(const uint8_t* raw, int64_t n, const NetOutputs& out,
                    int threads) const override {
        for (int64_t i = 0; i < n; ++i) {
            uint8_t* arena = memory();
            run(0, steps_.size(), raw + i * pixels_, arena, threads);
            const void* logits = arena + program_.offsets[program_.result];
            write_outputs(static_cast<const float*>(logits), classes_, i, out);
        }
    }

    uint8_t* memory() const {
        return static_cast<uint8_t*>(thread_workspace(space() + workspace_ + kByteSlack));
    }
    ptrdiff_t space() const { return (program_.arena + kByteSlack + 63) / 64 * 64; }

    void arguments(const ProgramStep& step, const uint8_t* raw, uint8_t* arena,
                   const void* (&in)[kMostByteInputs]) const {
        for (size_t i = 0; i < step.inputs.size(); ++i) {
            const ptrdiff_t place = step.inputs[i];
            in[i] = nullptr;
            if (place < -1) in[i] = program_.constants[-2 - place].data();
            if (place >= 0 && arena) in[i] = arena + program_.offsets[place];
        }
        if (raw) in[1] = raw;
    }

    void run(size_t first, size_t end, const uint8_t* raw, uint8_t* arena, int threads) const {
        for (size_t s = first; s < end; ++s) {
            const ProgramStep& step = program_.steps[s];
            const Step& chosen = steps_[s];
            const void* in[kMostByteInputs];
            arguments(step, s == 0 ? raw : nullptr, arena, in);
            void* y = arena + program_.offsets[step.output];
            const void* fields = step.fields.data();
            if (!chosen.algorithm) {
                chosen.kernel->run(fields, in, y);
                continue;
            }
            share(chosen.algorithm->parts(fields), chosen.work, threads,
                  [&](ptrdiff_t from, ptrdiff_t to) {
                      chosen.algorithm->run(fields, chosen.prepared.get(), in, y,
                                            memory() + space(), from, to);
                  });
        }
    }

    ByteProgram program_;
    const ByteKernelTable& table_;
    std::vector<ptrdiff_t> lengths_;  // of the constants
};

}  // namespace

std::unique_ptr<ProgramSession> make_byte_session(const ByteKernelTable& table,
                                                  const Architecture& architecture,
                                                  ByteProgram program) {
    return std::make_unique<Session>(table, architecture, std::move(program));
}

}  // namespace cnnkit
