#include "program/session.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "program/concat.h"
#include "program/pooled.h"
#include "program/steps.h"
#include "program/tail.h"
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

constexpr ptrdiff_t kTogether = 16;  // images of a tail

class Session : public StepSession<ProgramKernel, ProgramAlgorithm> {
  public:
    Session(const KernelTable& kernels, const Architecture& architecture, Program program)
        : StepSession(architecture),
          program_(std::move(program)),
          table_(program_kernels(kernels)) {
        check_buffers(program_, 1);
        choose_steps(program_.steps, table_.kernels, kProgramKernelCount);
        const ProgramStep& pixels = program_.steps[0];  // its constants are read elsewhere as well
        need(pixels.inputs[0] < -1 && pixels.inputs[1] < -1, "the first step");
        std::vector<bool> products(steps_.size());
        for (size_t step = 0; step < products.size(); ++step) products[step] = is_product(step);
        tail_ = find_tail(program_, products);
        find_in_place();
        find_pooled();
    }

  private:
    void choose(const ProgramStep& step, Step& chosen) override {
        const void* fields = step.fields.data();
        const bool constant = step.inputs.size() > 1 && step.inputs[0] < -1 && step.inputs[1] < -1;
        for (int i = 0; i < table_.algorithm_count; ++i) {
            const ProgramAlgorithm& algorithm = table_.algorithms[i];
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

    bool fits(const ProgramKernel& kernel, const ProgramStep& step) const override {
        const ptrdiff_t buffers = static_cast<ptrdiff_t>(program_.sizes.size());
        const ptrdiff_t constants = static_cast<ptrdiff_t>(program_.constants.size());
        const ptrdiff_t inputs = static_cast<ptrdiff_t>(step.inputs.size());
        if (step.fields.size() != kernel.field_bytes || inputs != kernel.inputs) return false;
        if (step.output < 0 || step.output >= buffers) return false;
        ptrdiff_t floats[kMostProgramInputs + 1] = {};
        for (ptrdiff_t i = 0; i < inputs; ++i) {
            const ptrdiff_t place = step.inputs[i];
            if (place >= buffers || -2 - place >= constants) return false;
            if (place >= 0) floats[i] = program_.sizes[place];
            if (place < -1)
                floats[i] = static_cast<ptrdiff_t>(program_.constants[-2 - place].size());
        }
        // Raw pixels come from the caller, and only to the first step.
        if (step.kernel == "pixels") floats[2] = pixels_;
        if (step.kernel == "pixels" && !steps_.empty()) return false;
        floats[inputs] = program_.sizes[step.output];
        return kernel.fits(step.fields.data(), floats);
    }

    // Convolutions by their multiply-adds, other steps by what they write.
    double work_of(const ProgramStep& step) const override {
        const double floats = static_cast<double>(program_.sizes[step.output]);
        if (step.kernel != "conv" && step.kernel != "depthwise") return 8 * floats;
        const ConvSizes c(step);
        return floats * c.kernel_h * c.kernel_w * c.in_c / c.groups;
    }

    void run_step(size_t step, const uint8_t* raw) const override {
        run(step, step + 1, reinterpret_cast<const float*>(raw), memory(), 1);
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
            for (ptrdiff_t c = 0; c < sizes[0]; ++c) {
                const float whole = 255.0f * scale[c];
                for (ptrdiff_t p = 0; p < sizes[1]; ++p)
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
                begin(i, arena, steps_.size());
                write_outputs(arena + program_.offsets[program_.result], classes_, i, out);
            }
            return;
        }
        for (int64_t at = 0; at < n; at += kTogether) {
            const ptrdiff_t count = static_cast<ptrdiff_t>(std::min<int64_t>(n - at, kTogether));
            float* const arena = memory(kTogether * tail_.floats);
            float* const tail = arena + rounded(program_.arena) + workspace_;
            for (ptrdiff_t i = 0; i < count; ++i) {
                begin(at + i, arena, tail_.first);
                for (const ptrdiff_t buffer : tail_.carried)
                    std::copy_n(arena + program_.offsets[buffer], program_.sizes[buffer],
                                in_tail(tail, count, buffer, i));
            }
            run_tail(tail, count, threads);
            for (ptrdiff_t i = 0; i < count; ++i)
                write_outputs(in_tail(tail, count, program_.result, i), classes_, at + i, out);
        }
    }

    // Where the tail has a buffer of an image: behind the same one of the image before.
    float* in_tail(float* tail, ptrdiff_t count, ptrdiff_t buffer, ptrdiff_t image) const {
        return tail + tail_.offsets[buffer] * count + program_.sizes[buffer] * image;
    }

    void run_tail(float* tail, ptrdiff_t count, int threads) const {
        for (size_t s = tail_.first; s < steps_.size(); ++s) {
            const auto call_at = [&](ptrdiff_t i) {
                return call_of(s, nullptr, [&](ptrdiff_t b) { return in_tail(tail, count, b, i); });
            };
            if (!is_product(s)) {
                for (ptrdiff_t i = 0; i < count; ++i) run_one(call_at(i), threads);
                continue;
            }
            const Call call = call_at(0);
            const ProgramAlgorithm& product = *call.chosen->algorithm;
            const auto prepared = static_cast<const float*>(call.chosen->prepared.get());
            share(product.parts(call.fields), count * call.chosen->work, threads,
                  [&](ptrdiff_t from, ptrdiff_t to) {
                      product.run_images(call.fields, prepared, call.x, call.y, count, from, to);
                  });
        }
    }

    // Whether a step multiplies vectors by a matrix, which can be read once for several.
    bool is_product(size_t s) const {
        const ProgramStep& step = program_.steps[s];
        if (step.kernel != "conv" || !steps_[s].algorithm || step.inputs[2] < 0 ||
            step.inputs[3] != -1)
            return false;
        const ConvSizes c(step);
        const bool one = c.in_h * c.in_w == 1 && c.out_h * c.out_w == 1;
        return one && c.kernel_h * c.kernel_w == 1 && steps_[s].algorithm->run_images &&
               program_.sizes[step.inputs[2]] == c.in_c && program_.sizes[step.output] == c.out_c;
    }

    void find_in_place() {
        std::vector<bool> may(steps_.size());
        const size_t end = tail_.first ? tail_.first : steps_.size();
        for (size_t s = 0; s < end; ++s) {
            const ProgramStep& step = program_.steps[s];
            const ProgramAlgorithm* algorithm = steps_[s].algorithm;
            may[s] = step.kernel == "copy" || (step.kernel == "conv" && algorithm &&
                                               algorithm->run_apart && step.inputs[3] == -1);
        }
        in_place_ = concatenate_in_place(program_, may);
        skipped_.resize(steps_.size());
        for (const InPlace& one : in_place_) {
            if (one.copy) skipped_[one.copy] = true;
        }
    }

    void find_pooled() {
        std::vector<bool> may(steps_.size());
        const size_t end = tail_.first ? tail_.first : steps_.size();
        for (size_t s = 0; s < end; ++s) {
            const ProgramStep& step = program_.steps[s];
            const ProgramAlgorithm* algorithm = steps_[s].algorithm;
            may[s] = step.kernel == "pool" || (step.kernel == "conv" && algorithm &&
                                               algorithm->run_pooled && step.inputs[3] == -1);
        }
        pools_ = find_pools(program_, may);
        for (const size_t pool : pools_) {
            if (pool) skipped_[pool] = true;
        }
    }

    float* memory(ptrdiff_t more = 0) const {
        return static_cast<float*>(
            thread_workspace(sizeof(float) * (rounded(program_.arena) + workspace_ + more)));
    }

    void run(size_t first, size_t end, const float* raw, float* arena, int threads) const {
        const auto where = [&](ptrdiff_t b) { return arena + program_.offsets[b]; };
        for (size_t s = first; s < end; ++s) {
            if (skipped_[s]) continue;
            const Call call = call_of(s, raw, where);
            const InPlace& to = in_place_[s];
            if (const size_t pool = pools_[s]) {
                run_pooled(call, call_of(pool, raw, where), threads);
                continue;
            }
            if (!to.copy) {
                run_one(call, threads);
                continue;
            }
            float* y = where(program_.steps[to.copy].output) + to.start;
            const bool done = share_parts(
                call, threads,
                [&](const float* prepared, float* workspace, ptrdiff_t from, ptrdiff_t end_part) {
                    call.chosen->algorithm->run_apart(call.fields, prepared, call.x, y, to.pixel,
                                                      workspace, from, end_part);
                });
            if (done) continue;
            call.chosen->kernel->run(call.fields, call.in, call.y);
            run_one(call_of(to.copy, raw, where), threads);
        }
    }

    // A step's arguments; x and residual are those of its algorithm.
    struct Call {
        const Step* chosen;
        const void* fields;
        const float* in[kMostProgramInputs];
        const float *x, *residual;
        float* y;
    };
    // `where` tells the place of a buffer.
    template <typename Where>
    Call call_of(size_t s, const float* raw, const Where& where) const {
        const ProgramStep& step = program_.steps[s];
        Call call = {&steps_[s], step.fields.data(), {}, nullptr, nullptr, nullptr};
        for (size_t i = 0; i < step.inputs.size(); ++i) {
            const ptrdiff_t place = step.inputs[i];
            if (place >= 0) call.in[i] = where(place);
            if (place < -1) call.in[i] = program_.constants[-2 - place].data();
        }
        if (s == 0) call.in[2] = raw;
        const bool weights = call.chosen->algorithm && call.chosen->algorithm->prepare;
        call.x = call.in[weights ? 2 : 0], call.residual = weights ? call.in[3] : nullptr;
        call.y = where(step.output);
        return call;
    }

    void run_one(const Call& call, int threads) const {
        const ProgramAlgorithm* algorithm = call.chosen->algorithm;
        const bool done = algorithm && share_parts(call, threads,
                                                   [&](const float* prepared, float* workspace,
                                                       ptrdiff_t first, ptrdiff_t end) {
                                                       algorithm->run(call.fields, prepared, call.x,
                                                                      call.residual, call.y,
                                                                      workspace, first, end);
                                                   });
        if (!done) call.chosen->kernel->run(call.fields, call.in, call.y);
    }

    // A convolution and the pool of what it writes.
    void run_pooled(const Call& call, const Call& pool, int threads) const {
        const bool done = share_parts(
            call, threads,
            [&](const float* prepared, float* workspace, ptrdiff_t first, ptrdiff_t end) {
                call.chosen->algorithm->run_pooled(call.fields, prepared, call.x, pool.y, workspace,
                                                   first, end);
            });
        if (done) return;
        call.chosen->kernel->run(call.fields, call.in, call.y);
        run_one(pool, threads);
    }

    // Calls run(prepared, workspace, first, end) for ranges of an algorithm's parts. False if it
    // declines values of x: then the results are unfinished, the arguments as they were.
    template <typename Run>
    bool share_parts(const Call& call, int threads, const Run& run) const {
        const ProgramAlgorithm& algorithm = *call.chosen->algorithm;
        const auto prepared = static_cast<const float*>(call.chosen->prepared.get());
        const ptrdiff_t parts = algorithm.parts(call.fields);
        std::atomic<bool> declined{false};
        const auto look = [&](ptrdiff_t first, ptrdiff_t end) {
            if (algorithm.accepts && !algorithm.accepts(call.fields, call.x, first, end))
                declined = true;
        };
        // A residual that is written over is needed if any part declines.
        const bool look_first = algorithm.accepts && call.residual == call.y;
        if (look_first) share(parts, call.chosen->work, threads, look);
        if (declined) return false;
        share(parts, call.chosen->work, threads, [&](ptrdiff_t first, ptrdiff_t end) {
            if (!look_first) look(first, end);
            if (!declined) run(prepared, memory() + rounded(program_.arena), first, end);
        });
        return !declined;
    }

    Program program_;
    const ProgramKernelTable& table_;
    Tail tail_;
    std::vector<InPlace> in_place_;  // of each step
    std::vector<size_t> pools_;      // of each step: the pool that it takes as well, or 0
    std::vector<bool> skipped_;      // steps that the convolution before takes as well
};

}  // namespace

std::unique_ptr<ProgramSession> make_program_session(const KernelTable& kernels,
                                                     const Architecture& architecture,
                                                     Program program) {
    return std::make_unique<Session>(kernels, architecture, std::move(program));
}

}  // namespace cnnkit
