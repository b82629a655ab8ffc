#include "plan.h"

#include <algorithm>
#include <cstdlib>
#include <new>

#include "parallel.h"

namespace cnnkit {
namespace {

// A thread's workspace grows to the largest that it was asked for and is kept: a call at batch 1
// must not allocate.
void* workspace(size_t bytes) {
    thread_local Buffer kept;
    thread_local size_t size = 0;
    if (size < bytes) {
        size = 0;
        kept = allocate(bytes);
        size = bytes;
    }
    return kept.get();
}

}  // namespace

void Free::operator()(void* memory) const { std::free(memory); }

Buffer allocate(size_t bytes) {
    const size_t whole = (std::max<size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
    void* memory = std::aligned_alloc(kAlignment, whole);
    if (!memory) throw std::bad_alloc();
    return Buffer(memory);
}

void complete(Shape& s) {
    const auto windows = [](long size, long padding, long kernel, long stride) {
        const long room = size + 2 * padding - kernel;
        return room < 0 ? 0 : room / stride + 1;
    };
    s.conv = {windows(s.input.h, s.padding.h, s.kernel.h, s.stride.h),
              windows(s.input.w, s.padding.w, s.kernel.w, s.stride.w)};
    s.output = {windows(s.conv.h, s.pool_padding.h, s.pool_kernel.h, s.pool_stride.h),
                windows(s.conv.w, s.pool_padding.w, s.pool_kernel.w, s.pool_stride.w)};
}

Plan::Plan(const Isa& isa, const Shape& shape, Precision precision, const float* weight,
           const float* bias)
    : isa_(isa), shape_(shape), direct_(&isa.algorithms[isa.algorithm_count - 1]) {
    prepared_direct_ = allocate(direct_->prepared_bytes(shape));
    direct_->prepare(shape, weight, bias, prepared_direct_.get());
    for (const Algorithm* a = isa.algorithms; a != direct_ && !fast_; ++a) {
        if (!a->fits(shape, precision)) continue;
        prepared_fast_ = allocate(a->prepared_bytes(shape));
        if (a->prepare(shape, weight, bias, prepared_fast_.get())) fast_ = a;
    }
}

void Plan::run(const Shape& shape, const float* x, long images, float* y, int threads) const {
    struct Call {
        const Plan& plan;
        const Shape& shape;
        const float* x;
        float* y;
        long parts;  // row ranges that an image is cut into
        size_t bytes;
    };
    if (images == 0) return;
    // Whole images keep the input's borders from being read twice; a single one is cut into a range
    // per thread.
    const long parts =
        images >= threads ? 1 : std::min<long>((threads + images - 1) / images, shape.output.h);
    size_t bytes = direct_->workspace_bytes(shape);
    if (fast_) bytes = std::max(bytes, fast_->workspace_bytes(shape));
    Call call = {*this, shape, x, y, parts, bytes};
    parallel_for(
        threads, images * parts,
        [](void* context, long i) {
            const Call& c = *static_cast<Call*>(context);
            const Shape& s = c.shape;
            const long image = i / c.parts, part = i % c.parts;
            const float* from = c.x + image * s.channels_in * s.input.h * s.input.w;
            float* to = c.y + image * s.channels_out * s.output.h * s.output.w;
            const long row0 = part * s.output.h / c.parts, row1 = (part + 1) * s.output.h / c.parts;
            void* memory = workspace(c.bytes);
            const Plan& p = c.plan;
            if (!p.fast_ ||
                !p.fast_->run(s, from, p.prepared_fast_.get(), to, row0, row1, memory)) {
                p.direct_->run(s, from, p.prepared_direct_.get(), to, row0, row1, memory);
            }
        },
        &call);
}

}  // namespace cnnkit
