#include "program/session.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include "program/concat.h"
#include "program/share.h"
#include "program/tail.h"
#include "runtime/buffer.h"
#include "runtime/outputs.h"

namespace cnnkit {

extern const ProgramKernelTable kScalarProgram;
#if defined(__x86_64__)
extern const ProgramKernelTable kAvx2Program;
extern const ProgramKernelTable kAvx512Program;
#elif defined(__aarch64__)
extern const ProgramKernelTable kNeonProgram;
#endif

const ProgramKernelTable& program_kernels(const KernelTable& kernels) {
    const std::string name = kernels.name;
#if defined(__x86_64__)
    if (name == "avx2") return kAvx2Program;
    if (name != "scalar") return kAvx512Program;
#elif defined(__aarch64__)
    if (name == "neon") return kNeonProgram;
#endif
    return kScalarProgram;
}

namespace {

// How a step is computed: by its kernel, or by what is faster and falls back on it.
struct Chosen {
    const ProgramKernel* kernel;
    const ProgramAlgorithm* algorithm = nullptr;
    Buffer prepared = {};
    double work = 0;  // multiply-adds, or what takes as long
};

constexpr long kTogether = 16;  // images of a tail

class Session : public ProgramSession {
  public:
    Session(const KernelTable& kernels, const Architecture& architecture, Program program)
        : ProgramSession(architecture),
          program_(std::move(program)),
          pixels_(architecture.pixels()),
          classes_(architecture.classes) {
        check_buffers();
        const ProgramKernelTable& table = program_kernels(kernels);
        for (const ProgramStep& step : program_.steps) {
            const auto end = table.kernels + kProgramKernelCount;
            const auto found = std::find_if(table.kernels, end, [&](const ProgramKernel& kernel) {
                return step.kernel == kernel.name;
            });
            need(found != end && fits(*found, step), "step " + std::to_string(kernels_.size()));
            kernels_.push_back({found});
            choose(table, step, kernels_.back());
            work_ += kernels_.back().work = work_of(step);
        }
        need(!kernels_.empty() && kernels_[0].kernel == table.kernels, "the first step");
        const ProgramStep& pixels =
            program_.steps[0];  // whose constants are read elsewhere as well
        need(pixels.inputs[0] < -1 && pixels.inputs[1] < -1, "the first step");
        std::vector<bool> products(kernels_.size());
        for (size_t step = 0; step < products.size(); ++step) products[step] = is_product(step);
        tail_ = find_tail(program_, products);
        find_in_place();
    }

    std::vector<std::string> algorithms() const override {
        std::vector<std::string> names;
        for (const Chosen& step : kernels_)
            names.push_back(step.algorithm ? step.algorithm->name : step.kernel->name);
        return names;
    }

    void time_steps(const uint8_t* raw, int64_t* nanoseconds) const override {
        float* arena = memory();
        for (size_t s = 0; s < kernels_.size(); ++s) {
            const auto start = std::chrono::steady_clock::now();
            run(s, s + 1, reinterpret_cast<const float*>(raw), arena, 1);
            const auto took = std::chrono::steady_clock::now() - start;
            nanoseconds[s] = std::chrono::duration_cast<std::chrono::nanoseconds>(took).count();
        }
    }

  private:
    // Finds the first algorithm that takes a step, and prepares its weights.
    void choose(const ProgramKernelTable& table, const ProgramStep& step, Chosen& chosen) {
        const void* fields = step.fields.data();
        const bool constant = step.inputs.size() > 1 && step.inputs[0] < -1 && step.inputs[1] < -1;
        for (int i = 0; i < table.algorithm_count; ++i) {
            const ProgramAlgorithm& algorithm = table.algorithms[i];
            if (step.kernel != algorithm.kernel || !algorithm.fits(fields)) continue;
            if (algorithm.prepare) {
                if (!constant) continue;
                chosen.prepared = allocate(sizeof(float) * algorithm.prepared_floats(fields));
                if (!algorithm.prepare(fields, program_.constants[-2 - step.inputs[0]].data(),
                                       program_.constants[-2 - step.inputs[1]].data(),
                                       static_cast<float*>(chosen.prepared.get())))
                    continue;
            }
            workspace_ = std::max(workspace_, algorithm.workspace_floats(fields));
            chosen.algorithm = &algorithm;
            return;
        }
    }

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

    // Convolutions by their multiply-adds, other steps by what they write.
    double work_of(const ProgramStep& step) const {
        const double floats = static_cast<double>(program_.sizes[step.output]);
        if (step.kernel != "conv" && step.kernel != "depthwise") return 8 * floats;
        const ConvSizes c(step);
        return floats * c.kernel_h * c.kernel_w * c.in_c / c.groups;
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
    void infer_here(const float* scaled, int64_t n, const NetOutputs& out) const override {
        infer_wide(scaled, n, out, 1);
    }

    void infer_wide(const uint8_t* raw, int64_t n, const NetOutputs& out,
                    int threads) const override {
        infer_all(n, out, threads, [&](int64_t i, float* arena, size_t end) {
            const auto* image = reinterpret_cast<const float*>(raw + i * pixels_);
            run(0, end, image, arena, threads);
        });
    }

    // The first step's work on pixels that are scaled to [0, 1] already.
    void infer_wide(const float* scaled, int64_t n, const NetOutputs& out,
                    int threads) const override {
        const ProgramStep& step = program_.steps[0];
        int sizes[2];  // channels, area
        std::memcpy(sizes, step.fields.data(), sizeof sizes);
        const float* scale = program_.constants[-2 - step.inputs[0]].data();
        const float* shift = program_.constants[-2 - step.inputs[1]].data();
        infer_all(n, out, threads, [&](int64_t i, float* arena, size_t end) {
            float* y = arena + program_.offsets[step.output];
            const float* image = scaled + i * pixels_;
            for (long c = 0; c < sizes[0]; ++c) {
                const float whole = 255.0f * scale[c];
                for (long p = 0; p < sizes[1]; ++p)
                    y[p * sizes[0] + c] = *image++ * whole + shift[c];
            }
            run(1, end, nullptr, arena, threads);
        });
    }

    // Calls begin(i, arena, end) for each image, which computes the steps before `end`, and
    // computes the rest.
    template <typename Begin>
    void infer_all(int64_t n, const NetOutputs& out, int threads, const Begin& begin) const {
        if (n == 1 || !tail_.first) {
            for (int64_t i = 0; i < n; ++i) {
                float* arena = memory();
                begin(i, arena, kernels_.size());
                write_outputs(arena + program_.offsets[program_.result], classes_, i, out);
            }
            return;
        }
        for (int64_t at = 0; at < n; at += kTogether) {
            const long count = static_cast<long>(std::min<int64_t>(n - at, kTogether));
            float* const arena = memory(kTogether * tail_.floats);
            float* const tail = arena + rounded(program_.arena) + workspace_;
            for (long i = 0; i < count; ++i) {
                begin(at + i, arena, tail_.first);
                for (const long buffer : tail_.carried)
                    std::copy_n(arena + program_.offsets[buffer], program_.sizes[buffer],
                                in_tail(tail, count, buffer, i));
            }
            run_tail(tail, count, threads);
            for (long i = 0; i < count; ++i)
                write_outputs(in_tail(tail, count, program_.result, i), classes_, at + i, out);
        }
    }

    // Where the tail has a buffer of an image: behind the same one of the image before.
    float* in_tail(float* tail, long count, long buffer, long image) const {
        return tail + tail_.offsets[buffer] * count + program_.sizes[buffer] * image;
    }

    void run_tail(float* tail, long count, int threads) const {
        for (size_t s = tail_.first; s < kernels_.size(); ++s) {
            const auto call_at = [&](long i) {
                return call_of(s, nullptr, [&](long b) { return in_tail(tail, count, b, i); });
            };
            if (!is_product(s)) {
                for (long i = 0; i < count; ++i) run_one(call_at(i), threads);
                continue;
            }
            const Call call = call_at(0);
            const ProgramAlgorithm& product = *call.chosen->algorithm;
            const auto prepared = static_cast<const float*>(call.chosen->prepared.get());
            share(product.parts(call.fields), count * call.chosen->work, threads,
                  [&](long from, long to) {
                      product.run_images(call.fields, prepared, call.x, call.y, count, from, to);
                  });
        }
    }

    // Whether a step multiplies vectors by a matrix, which can be read once for several.
    bool is_product(size_t s) const {
        const ProgramStep& step = program_.steps[s];
        if (step.kernel != "conv" || !kernels_[s].algorithm || step.inputs[2] < 0 ||
            step.inputs[3] != -1)
            return false;
        const ConvSizes c(step);
        const bool one = c.in_h * c.in_w == 1 && c.out_h * c.out_w == 1;
        return one && c.kernel_h * c.kernel_w == 1 && kernels_[s].algorithm->run_images &&
               program_.sizes[step.inputs[2]] == c.in_c && program_.sizes[step.output] == c.out_c;
    }

    void find_in_place() {
        std::vector<bool> may(kernels_.size());
        const size_t end = tail_.first ? tail_.first : kernels_.size();
        for (size_t s = 0; s < end; ++s) {
            const ProgramStep& step = program_.steps[s];
            const ProgramAlgorithm* algorithm = kernels_[s].algorithm;
            may[s] = step.kernel == "copy" || (step.kernel == "conv" && algorithm &&
                                               algorithm->run_apart && step.inputs[3] == -1);
        }
        in_place_ = concatenate_in_place(program_, may);
        copied_.resize(kernels_.size());
        for (const InPlace& one : in_place_) {
            if (one.copy) copied_[one.copy] = true;
        }
    }

    float* memory(long more = 0) const {
        return static_cast<float*>(
            thread_workspace(sizeof(float) * (rounded(program_.arena) + workspace_ + more)));
    }

    void run(size_t first, size_t end, const float* raw, float* arena, int threads) const {
        const auto where = [&](long b) { return arena + program_.offsets[b]; };
        for (size_t s = first; s < end; ++s) {
            if (copied_[s]) continue;
            const Call call = call_of(s, raw, where);
            const InPlace& to = in_place_[s];
            if (!to.copy) {
                run_one(call, threads);
            } else if (accepts(call)) {
                float* y = where(program_.steps[to.copy].output) + to.start;
                share_parts(call, threads,
                            [&](const float* prepared, float* workspace, long from, long end_part) {
                                call.chosen->algorithm->run_apart(call.fields, prepared, call.x, y,
                                                                  to.pixel, workspace, from,
                                                                  end_part);
                            });
            } else {
                run_one(call, threads);
                run_one(call_of(to.copy, raw, where), threads);
            }
        }
    }

    // A step's arguments; x and residual are those of its algorithm.
    struct Call {
        const Chosen* chosen;
        const void* fields;
        const float* in[kMostProgramInputs];
        const float *x, *residual;
        float* y;
    };
    // `where` tells the place of a buffer.
    template <typename Where>
    Call call_of(size_t s, const float* raw, const Where& where) const {
        const ProgramStep& step = program_.steps[s];
        Call call = {&kernels_[s], step.fields.data(), {}, nullptr, nullptr, nullptr};
        for (size_t i = 0; i < step.inputs.size(); ++i) {
            const long place = step.inputs[i];
            if (place >= 0) call.in[i] = where(place);
            if (place < -1) call.in[i] = program_.constants[-2 - place].data();
        }
        if (s == 0) call.in[2] = raw;
        const bool weights = call.chosen->algorithm && call.chosen->algorithm->prepare;
        call.x = call.in[weights ? 2 : 0], call.residual = weights ? call.in[3] : nullptr;
        call.y = where(step.output);
        return call;
    }

    static bool accepts(const Call& call) {
        const ProgramAlgorithm* algorithm = call.chosen->algorithm;
        return algorithm && (!algorithm->accepts || algorithm->accepts(call.fields, call.x));
    }

    void run_one(const Call& call, int threads) const {
        if (!accepts(call)) return call.chosen->kernel->run(call.fields, call.in, call.y);
        share_parts(call, threads,
                    [&](const float* prepared, float* workspace, long first, long end) {
                        call.chosen->algorithm->run(call.fields, prepared, call.x, call.residual,
                                                    call.y, workspace, first, end);
                    });
    }

    // Calls run(prepared, workspace, first, end) for ranges of an algorithm's parts.
    template <typename Run>
    void share_parts(const Call& call, int threads, const Run& run) const {
        const auto prepared = static_cast<const float*>(call.chosen->prepared.get());
        share(call.chosen->algorithm->parts(call.fields), call.chosen->work, threads,
              [&](long first, long end) {
                  run(prepared, memory() + rounded(program_.arena), first, end);
              });
    }

    Program program_;
    const long pixels_, classes_;
    std::vector<Chosen> kernels_;
    Tail tail_;
    std::vector<InPlace> in_place_;  // of each step
    std::vector<bool> copied_;       // steps whose copy is made by the convolution before
    long workspace_ = 0;             // floats
    double work_ = 0;                // of an image
};

}  // namespace

std::unique_ptr<ProgramSession> make_program_session(const KernelTable& kernels,
                                                     const Architecture& architecture,
                                                     Program program) {
    return std::make_unique<Session>(kernels, architecture, std::move(program));
}

}  // namespace cnnkit
