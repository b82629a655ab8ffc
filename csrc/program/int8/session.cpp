#include "program/int8/session.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>

#include "program/share.h"
#include "runtime/buffer.h"
#include "runtime/outputs.h"

namespace cnnkit {
namespace {

// How a step is computed: by its kernel, or by what is faster.
struct Chosen {
    const ByteKernel* kernel;
    const ByteAlgorithm* algorithm = nullptr;
    Buffer prepared = {};
    double work = 0;
};

void need(bool condition, const std::string& what) {
    if (!condition) throw std::invalid_argument(what);
}

class Session : public ProgramSession {
  public:
    Session(const ByteKernelTable& table, const Architecture& architecture, ByteProgram program)
        : ProgramSession(architecture),
          program_(std::move(program)),
          pixels_(architecture.pixels()),
          classes_(architecture.classes) {
        check_buffers();
        for (std::vector<char>& constant : program_.constants) {
            lengths_.push_back(static_cast<long>(constant.size()));
            constant.resize(constant.size() + kByteSlack);
        }
        for (const ProgramStep& step : program_.steps) {
            const auto end = table.kernels + kByteKernelCount;
            const auto found = std::find_if(table.kernels, end, [&](const ByteKernel& kernel) {
                return step.kernel == kernel.name;
            });
            need(found != end && fits(*found, step), "step " + std::to_string(kernels_.size()));
            kernels_.push_back({found});
            choose(table, step, kernels_.back());
            work_ += kernels_.back().work = work_of(step);
        }
        need(!kernels_.empty() && kernels_[0].kernel == table.kernels, "the first step");
    }

    std::vector<std::string> algorithms() const override {
        std::vector<std::string> names;
        for (const Chosen& step : kernels_)
            names.push_back(step.algorithm ? step.algorithm->name : step.kernel->name);
        return names;
    }

    void time_steps(const uint8_t* raw, int64_t* nanoseconds) const override {
        uint8_t* arena = memory();
        for (size_t s = 0; s < kernels_.size(); ++s) {
            const auto start = std::chrono::steady_clock::now();
            run(s, s + 1, raw, arena, 1);
            const auto took = std::chrono::steady_clock::now() - start;
            nanoseconds[s] = std::chrono::duration_cast<std::chrono::nanoseconds>(took).count();
        }
    }

  private:
    // Finds the first algorithm that takes a step, and prepares its constants.
    void choose(const ByteKernelTable& table, const ProgramStep& step, Chosen& chosen) {
        const void* fields = step.fields.data();
        bool constant = step.inputs.size() > 3;
        for (size_t i = 0; constant && i < 3; ++i) constant = step.inputs[i] < -1;
        const void* in[kMostByteInputs];
        arguments(step, nullptr, nullptr, in);
        for (int i = 0; i < table.algorithm_count; ++i) {
            const ByteAlgorithm& algorithm = table.algorithms[i];
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

    void check_buffers() const {
        const ByteProgram& p = program_;
        const long count = static_cast<long>(p.sizes.size());
        need(p.offsets.size() == p.sizes.size(), "the buffers");
        for (long i = 0; i < count; ++i) {
            need(p.sizes[i] >= 0 && p.offsets[i] >= 0 && p.offsets[i] <= p.arena &&
                     p.sizes[i] <= p.arena - p.offsets[i],
                 "buffer " + std::to_string(i));
        }
        const long floats = static_cast<long>(sizeof(float)) * classes_;
        need(p.result >= 0 && p.result < count && p.sizes[p.result] == floats && classes_ >= 1 &&
                 p.offsets[p.result] % static_cast<long>(sizeof(float)) == 0,
             "the result");
    }

    bool fits(const ByteKernel& kernel, const ProgramStep& step) const {
        const long buffers = static_cast<long>(program_.sizes.size());
        const long constants = static_cast<long>(program_.constants.size());
        const long inputs = static_cast<long>(step.inputs.size());
        if (step.fields.size() != kernel.field_bytes || inputs != kernel.inputs) return false;
        if (step.output < 0 || step.output >= buffers) return false;
        // Floats are written to the result alone, and nothing else is.
        const bool floats = step.kernel == "scores" || step.kernel == "numbers";
        if (floats != (step.output == program_.result)) return false;
        long bytes[kMostByteInputs + 1] = {};
        for (long i = 0; i < inputs; ++i) {
            const long place = step.inputs[i];
            if (place >= buffers || -2 - place >= constants || place == program_.result)
                return false;
            if (place >= 0) bytes[i] = program_.sizes[place];
            if (place < -1) bytes[i] = lengths_[-2 - place];
        }
        // Raw pixels come from the caller, and only to the first step.
        if (step.kernel == "pixels") bytes[1] = pixels_;
        if (step.kernel == "pixels" && !kernels_.empty()) return false;
        bytes[inputs] = program_.sizes[step.output];
        return kernel.fits(step.fields.data(), bytes);
    }

    // In float's multiply-adds, of which those of integers take half the time.
    double work_of(const ProgramStep& step) const {
        const double bytes = static_cast<double>(program_.sizes[step.output]);
        if (step.kernel != "conv" && step.kernel != "depthwise") return 4 * bytes;
        const ConvSizes c(step);
        return 0.5 * bytes * c.kernel_h * c.kernel_w * c.in_c / c.groups;
    }

    int64_t fewest() const override {
        return std::clamp<int64_t>(static_cast<int64_t>(kWorthImage / (work_ + 1)), 1, 8);
    }
    int64_t wide(int64_t n, int threads) const override {
        return work_ >= kWorthImage && n < 4l * threads ? n % threads : 0;
    }

    void infer_here(const uint8_t* raw, int64_t n, const NetOutputs& out) const override {
        infer_wide(raw, n, out, 1);
    }
    void infer_here(const float*, int64_t, const NetOutputs&) const override {
        throw std::invalid_argument("floats");
    }
    void infer_wide(const uint8_t* raw, int64_t n, const NetOutputs& out,
                    int threads) const override {
        for (int64_t i = 0; i < n; ++i) {
            uint8_t* arena = memory();
            run(0, kernels_.size(), raw + i * pixels_, arena, threads);
            const void* logits = arena + program_.offsets[program_.result];
            write_outputs(static_cast<const float*>(logits), classes_, i, out);
        }
    }

    uint8_t* memory() const {
        return static_cast<uint8_t*>(thread_workspace(space() + workspace_ + kByteSlack));
    }
    long space() const { return (program_.arena + kByteSlack + 63) / 64 * 64; }

    void arguments(const ProgramStep& step, const uint8_t* raw, uint8_t* arena,
                   const void* (&in)[kMostByteInputs]) const {
        for (size_t i = 0; i < step.inputs.size(); ++i) {
            const long place = step.inputs[i];
            in[i] = nullptr;
            if (place < -1) in[i] = program_.constants[-2 - place].data();
            if (place >= 0 && arena) in[i] = arena + program_.offsets[place];
        }
        if (raw) in[1] = raw;
    }

    void run(size_t first, size_t end, const uint8_t* raw, uint8_t* arena, int threads) const {
        for (size_t s = first; s < end; ++s) {
            const ProgramStep& step = program_.steps[s];
            const Chosen& chosen = kernels_[s];
            const void* in[kMostByteInputs];
            arguments(step, s == 0 ? raw : nullptr, arena, in);
            void* y = arena + program_.offsets[step.output];
            const void* fields = step.fields.data();
            if (!chosen.algorithm) {
                chosen.kernel->run(fields, in, y);
                continue;
            }
            share(chosen.algorithm->parts(fields), chosen.work, threads, [&](long from, long to) {
                chosen.algorithm->run(fields, chosen.prepared.get(), in, y, memory() + space(),
                                      from, to);
            });
        }
    }

    ByteProgram program_;
    const long pixels_, classes_;
    std::vector<long> lengths_;  // of the constants
    std::vector<Chosen> kernels_;
    long workspace_ = 0;  // bytes
    double work_ = 0;     // of an image
};

}  // namespace

std::unique_ptr<ProgramSession> make_byte_session(const ByteKernelTable& table,
                                                  const Architecture& architecture,
                                                  ByteProgram program) {
    return std::make_unique<Session>(table, architecture, std::move(program));
}

}  // namespace cnnkit
