#include "runtime/packed_conv.h"

#include <algorithm>

namespace cnnkit {
namespace {

// The best kernel that takes every value of a shape.
const ConvKernel& exact(const KernelTable& kernels, const ConvShape& shape) {
    const ConvKernel* kernel = kernels.conv;
    while (kernel->may_decline || !kernel->fits(shape, Precision::kDefault)) ++kernel;
    return *kernel;
}

// The kernels before that one which fit, best first.
std::vector<const ConvKernel*> fitting(const KernelTable& kernels, const ConvShape& shape,
                                       Precision precision) {
    std::vector<const ConvKernel*> found;
    for (const ConvKernel* kernel = kernels.conv; kernel != &exact(kernels, shape); ++kernel)
        if (kernel->fits(shape, precision)) found.push_back(kernel);
    return found;
}

}  // namespace

PackedConv::PackedConv(const KernelTable& kernels, const ConvShape& shape, Precision precision)
    : shape_(shape), precision_(precision) {
    const std::vector<const ConvKernel*> found = fitting(kernels, shape, precision);
    candidates_ = std::vector<Packed>(found.size());
    for (size_t i = 0; i < found.size(); ++i) candidates_[i].kernel = found[i];
    exact_.kernel = &exact(kernels, shape);
}

void PackedConv::set_weights(const float* weight, const float* bias) {
    weight_ = weight, bias_ = bias;
    for (Packed& packed : candidates_) packed.state = Packed::kNotYet;
    exact_.state = Packed::kNotYet;
}

bool PackedConv::is_packed(const Packed& packed) const {
    Packed::State state = packed.state.load(std::memory_order_acquire);
    if (state == Packed::kNotYet) {
        const std::lock_guard<std::mutex> lock(packing_);
        state = packed.state.load(std::memory_order_relaxed);
        if (state == Packed::kNotYet) {
            const ConvKernel& kernel = *packed.kernel;
            if (!packed.memory) packed.memory = allocate(kernel.prepared_bytes(shape_));
            const bool taken = kernel.prepare(shape_, weight_, bias_, packed.memory.get());
            state = taken ? Packed::kDone : Packed::kDeclined;
            packed.state.store(state, std::memory_order_release);
        }
    }
    return state == Packed::kDone;
}

const PackedConv::Packed* PackedConv::find(const ConvShape& shape, bool needs_indices) const {
    for (const Packed& packed : candidates_) {
        if (needs_indices && !packed.kernel->returns_indices) continue;
        if (packed.kernel->fits(shape, precision_) && is_packed(packed)) return &packed;
    }
    return nullptr;
}

PackedConv::Choice PackedConv::choose(const ConvShape& shape, bool needs_indices) const {
    const Packed* best = find(shape, needs_indices);
    const size_t bytes = exact_.kernel->workspace_bytes(shape);
    return {best, best ? std::max(bytes, best->kernel->workspace_bytes(shape)) : bytes};
}

void PackedConv::run(const Choice& choice, const ConvShape& shape, const float* x, float* y,
                     unsigned char* indices, ptrdiff_t row0, ptrdiff_t row1, void* workspace,
                     const float* residual) const {
    const Packed* best = choice.best;
    if (best && best->kernel->run(shape, x, best->memory.get(), y, indices, row0, row1, workspace,
                                  residual))
        return;
    is_packed(exact_);
    exact_.kernel->run(shape, x, exact_.memory.get(), y, indices, row0, row1, workspace, residual);
}

const ConvKernel& PackedConv::best_kernel() const {
    const Packed* best = find(shape_, false);
    return *(best ? best : &exact_)->kernel;
}

}  // namespace cnnkit
