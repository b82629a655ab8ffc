#include "training/program_conv.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "training/blocks.h"

namespace cnnkit {

ProgramConv::ProgramConv(const KernelTable& kernels, const Size& in, const Size& out,
                         const Pair& kernel, const Pair& stride, const Pair& before, bool relu) {
    const auto small = [](ptrdiff_t value) {
        if (value > std::numeric_limits<int>::max()) throw std::invalid_argument("conv");
        return static_cast<int>(value);
    };
    fields_ = {small(in.height),
               small(in.width),
               small(in.channels),
               small(out.height),
               small(out.width),
               small(out.channels),
               small(kernel.h),
               small(kernel.w),
               small(stride.h),
               small(stride.w),
               small(before.h),
               small(before.w),
               1,
               1,
               1,
               relu ? 1 : 0,
               relu ? 0.0f : -HUGE_VALF,
               HUGE_VALF};
    const ptrdiff_t last = out.channels % kBlock;
    narrow_ = last > 0 && last <= kBlock / 2;
    const ProgramKernelTable& table = program_kernels(kernels);
    const auto is_conv = [](const char* name) { return !std::strcmp(name, "conv"); };
    for (int i = 0; i < kProgramKernelCount; ++i)
        if (is_conv(table.kernels[i].name)) kernel_ = &table.kernels[i];
    size_t floats = 0;
    for (int i = 0; i < table.algorithm_count; ++i) {
        const ProgramAlgorithm& algorithm = table.algorithms[i];
        if (!is_conv(algorithm.kernel) || !algorithm.fits(&fields_)) continue;
        algorithms_.push_back(&algorithm);
        floats = std::max<size_t>(floats, algorithm.prepared_floats(&fields_));
        workspace_ = std::max(workspace_, algorithm.workspace_floats(&fields_));
    }
    prepared_ = allocate(sizeof(float) * floats);
}

ptrdiff_t ProgramConv::weight_floats() const {
    const ptrdiff_t taps = static_cast<ptrdiff_t>(fields_.kernel_h) * fields_.kernel_w;
    return rounded(fields_.out_c, kBlock / 2) * fields_.in_c * taps;
}

void ProgramConv::set_weights(const float* weight, const float* bias) {
    weight_ = weight, bias_ = bias, chosen_ = nullptr;
    for (const ProgramAlgorithm* algorithm : algorithms_) {
        if (algorithm->prepare(&fields_, weight, bias, static_cast<float*>(prepared_.get()))) {
            chosen_ = algorithm;
            return;
        }
    }
}

void ProgramConv::run(const float* x, float* y, float* workspace) const {
    const ptrdiff_t parts = chosen_ ? chosen_->parts(&fields_) : 0;
    if (chosen_ && (!chosen_->accepts || chosen_->accepts(&fields_, x, 0, parts))) {
        chosen_->run(&fields_, static_cast<const float*>(prepared_.get()), x, nullptr, y, workspace,
                     0, parts);
        return;
    }
    const float* const arguments[] = {weight_, bias_, x, nullptr};
    kernel_->run(&fields_, arguments, y);
}

}  // namespace cnnkit
