// What the sessions of float and of integer programs have in common: the choice of each step's
// kernel, and what follows from the steps' work.
#pragma once

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "program/session.h"
#include "program/share.h"
#include "runtime/buffer.h"

namespace cnnkit {

// Throws std::invalid_argument.
inline void need(bool condition, const std::string& what) {
    if (!condition) throw std::invalid_argument(what);
}

// How a step is computed: by its kernel, or by what is faster.
template <typename Kernel, typename Algorithm>
struct Chosen {
    const Kernel* kernel;
    const Algorithm* algorithm = nullptr;
    Buffer prepared = {};
    double work = 0;  // multiply-adds of floats, or what takes as long
};

template <typename Kernel, typename Algorithm>
class StepSession : public ProgramSession {
  public:
    std::vector<std::string> algorithms() const override {
        std::vector<std::string> names;
        for (const auto& step : steps_)
            names.push_back(step.algorithm ? step.algorithm->name : step.kernel->name);
        return names;
    }

    void time_steps(const uint8_t* raw, int64_t* nanoseconds) const override {
        for (size_t s = 0; s < steps_.size(); ++s) {
            const auto start = std::chrono::steady_clock::now();
            run_step(s, raw);
            const auto took = std::chrono::steady_clock::now() - start;
            nanoseconds[s] = std::chrono::duration_cast<std::chrono::nanoseconds>(took).count();
        }
    }

  protected:
    using Step = Chosen<Kernel, Algorithm>;

    explicit StepSession(const Architecture& architecture)
        : ProgramSession(architecture),
          pixels_(architecture.pixels()),
          classes_(architecture.classes) {}

    // `floats` is the size of a float, as buffers are counted.
    template <typename Buffers>
    void check_buffers(const Buffers& p, ptrdiff_t floats) const {
        const ptrdiff_t count = static_cast<ptrdiff_t>(p.sizes.size());
        need(p.offsets.size() == p.sizes.size(), "the buffers");
        for (ptrdiff_t i = 0; i < count; ++i) {
            need(p.sizes[i] >= 0 && p.offsets[i] >= 0 && p.offsets[i] <= p.arena &&
                     p.sizes[i] <= p.arena - p.offsets[i],
                 "buffer " + std::to_string(i));
        }
        need(p.result >= 0 && p.result < count && classes_ >= 1 &&
                 p.sizes[p.result] == floats * classes_ && p.offsets[p.result] % floats == 0,
             "the result");
    }

    // Of `kernels`, the first reads the raw pixels.
    void choose_steps(const std::vector<ProgramStep>& steps, const Kernel* kernels, int count) {
        for (const ProgramStep& step : steps) {
            const auto found = std::find_if(kernels, kernels + count, [&](const Kernel& kernel) {
                return step.kernel == kernel.name;
            });
            need(found != kernels + count && fits(*found, step),
                 "step " + std::to_string(steps_.size()));
            steps_.push_back({found});
            choose(step, steps_.back());
            work_ += steps_.back().work = work_of(step);
        }
        need(!steps_.empty() && steps_[0].kernel == kernels, "the first step");
    }

    virtual bool fits(const Kernel&, const ProgramStep&) const = 0;
    // Finds the first algorithm that takes a step, and prepares its constants.
    virtual void choose(const ProgramStep&, Step&) = 0;
    virtual double work_of(const ProgramStep&) const = 0;
    virtual void run_step(size_t step, const uint8_t* raw) const = 0;
    void infer_wide(const uint8_t* raw, int64_t n, const NetOutputs& out,
                    int threads) const override = 0;
    void infer_wide(const float* scaled, int64_t n, const NetOutputs& out,
                    int threads) const override = 0;

    int64_t fewest() const override {
        return std::clamp<int64_t>(static_cast<int64_t>(kWorth / (work_ + 1)), 1, 8);
    }
    int64_t wide(int64_t n, int threads) const override {
        return work_ >= kWorth && n < ptrdiff_t{4} * threads ? n % threads : 0;
    }
    void infer_here(const uint8_t* raw, int64_t n, const NetOutputs& out) const override {
        infer_wide(raw, n, out, 1);
    }
    void infer_here(const float* scaled, int64_t n, const NetOutputs& out) const override {
        infer_wide(scaled, n, out, 1);
    }

    const ptrdiff_t pixels_, classes_;
    std::vector<Step> steps_;
    ptrdiff_t workspace_ = 0;  // counted as buffers are
    double work_ = 0;          // of an image
};

}  // namespace cnnkit
