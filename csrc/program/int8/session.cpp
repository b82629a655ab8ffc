#include "program/int8/session.h"

#include <algorithm>
#include <cstring>

#include "program/steps.h"
#include "runtime/outputs.h"

namespace cnnkit {
namespace {

constexpr ptrdiff_t kTogether = 16;  // images of a tail

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
        find_tail();
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
        const size_t apart = n == 1 ? steps_.size() : tail_;
        for (int64_t at = 0; at < n; at += kTogether) {
            const ptrdiff_t count = static_cast<ptrdiff_t>(std::min<int64_t>(n - at, kTogether));
            for (ptrdiff_t i = 0; i < count; ++i) {
                uint8_t* arena = memory();
                run(0, apart, raw + (at + i) * pixels_, arena, threads);
                if (apart == steps_.size()) {
                    const void* logits = arena + program_.offsets[program_.result];
                    write_outputs(static_cast<const float*>(logits), classes_, at + i, out);
                } else {
                    const ptrdiff_t place = program_.steps[apart].inputs[3],
                                    size = program_.sizes[place];
                    std::copy_n(arena + program_.offsets[place], size, in_tail(apart) + i * size);
                }
            }
            if (apart < steps_.size()) run_tail(at, count, out, threads);
        }
    }

    // The tail: matrices at the end of the program, each of the values of the one before. Their
    // weights are read once for some images.
    void find_tail() {
        const auto is_matrix = [&](size_t s) {
            const ProgramStep& step = program_.steps[s];
            if (!steps_[s].algorithm || (step.kernel != "gemm" && step.kernel != "scores"))
                return false;
            int sizes[2];  // its features and outputs, which are all that its buffers hold
            std::memcpy(sizes, step.fields.data(), sizeof sizes);
            const ptrdiff_t made = step.kernel == "gemm" ? sizes[1] : sizeof(float) * sizes[1];
            return step.inputs[3] >= 0 && program_.sizes[step.inputs[3]] == sizes[0] &&
                   program_.sizes[step.output] == made;
        };
        for (tail_ = steps_.size(); tail_ > 1 && is_matrix(tail_ - 1); --tail_) {
            const bool last = tail_ == steps_.size();
            if (!last && program_.steps[tail_].inputs[3] != program_.steps[tail_ - 1].output) break;
        }
        for (size_t s = tail_; s < steps_.size(); ++s) {
            const ProgramStep& step = program_.steps[s];
            tail_bytes_ = std::max(
                {tail_bytes_, program_.sizes[step.inputs[3]], program_.sizes[step.output]});
        }
        if (tail_bytes_) tail_bytes_ = whole_lines(kTogether * tail_bytes_);
    }
    // What a step of the tail reads of all images, and the one before it writes.
    uint8_t* in_tail(size_t step) const {
        return memory() + space() + scratch() +
               static_cast<ptrdiff_t>((step - tail_) % 2) * tail_bytes_;
    }

    void run_tail(int64_t first, ptrdiff_t count, const NetOutputs& out, int threads) const {
        for (size_t s = tail_; s < steps_.size(); ++s) {
            const ByteAlgorithm& matrix = *steps_[s].algorithm;
            const void* in[kMostByteInputs] = {nullptr, nullptr, nullptr, in_tail(s)};
            uint8_t* y = in_tail(s + 1);
            share(count, count * steps_[s].work, threads, [&](ptrdiff_t from, ptrdiff_t to) {
                matrix.run(program_.steps[s].fields.data(), steps_[s].prepared.get(), in, y,
                           nullptr, from, to);
            });
        }
        const auto* logits = reinterpret_cast<const float*>(in_tail(steps_.size()));
        for (ptrdiff_t i = 0; i < count; ++i)
            write_outputs(logits + i * classes_, classes_, first + i, out);
    }

    uint8_t* memory() const {
        return static_cast<uint8_t*>(thread_workspace(space() + scratch() + 2 * tail_bytes_));
    }
    static ptrdiff_t whole_lines(ptrdiff_t bytes) { return (bytes + kByteSlack + 63) / 64 * 64; }
    ptrdiff_t space() const { return whole_lines(program_.arena); }
    ptrdiff_t scratch() const { return whole_lines(workspace_); }

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
    size_t tail_ = 0;
    ptrdiff_t tail_bytes_ = 0;
};

}  // namespace

std::unique_ptr<ProgramSession> make_byte_session(const ByteKernelTable& table,
                                                  const Architecture& architecture,
                                                  ByteProgram program) {
    return std::make_unique<Session>(table, architecture, std::move(program));
}

}  // namespace cnnkit
