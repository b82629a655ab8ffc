#include "runtime/conv_op.h"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <numeric>
#include <utility>

#include "runtime/thread_pool.h"

namespace cnnkit {
namespace {

#include "conv/plain.inl.h"

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

// A thread's share of multiply-adds that is worth having it: less is done before it looks up.
constexpr double kShare = 500'000;

double multiply_adds(const ConvShape& s, long images) {
    return 1.0 * images * s.channels_out * s.conv.h * s.conv.w * (s.channels_in / s.groups) *
           s.kernel.h * s.kernel.w;
}

// As many of the threads as have enough to do.
int useful(int threads, const ConvShape& s, long images) {
    const double shares = multiply_adds(s, images) / kShare;
    return shares >= threads ? threads : std::max(1, static_cast<int>(shares));
}

}  // namespace

void Free::operator()(void* memory) const { std::free(memory); }

Buffer allocate(size_t bytes) {
    const size_t whole = (std::max<size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
    void* memory = std::aligned_alloc(kAlignment, whole);
    if (!memory) throw std::bad_alloc();
    return Buffer(memory);
}

void complete(ConvShape& s) {
    const auto windows = [](long size, long padding, long reach, long stride) {
        const long room = size + 2 * padding - reach;
        return room < 0 ? 0 : room / stride + 1;
    };
    const Pair reach = {(s.kernel.h - 1) * s.dilation.h + 1, (s.kernel.w - 1) * s.dilation.w + 1};
    s.conv = {windows(s.input.h + s.extra_padding.h, s.padding.h, reach.h, s.stride.h),
              windows(s.input.w + s.extra_padding.w, s.padding.w, reach.w, s.stride.w)};
    s.output = {windows(s.conv.h, s.pool_padding.h, s.pool_kernel.h, s.pool_stride.h),
                windows(s.conv.w, s.pool_padding.w, s.pool_kernel.w, s.pool_stride.w)};
}

const ConvBackwardKernel& find_conv_backward(const KernelTable& kernels, const ConvShape& shape) {
    const ConvBackwardKernel* kernel = kernels.conv_backward;
    while (!kernel->fits(shape)) ++kernel;
    return *kernel;
}

const ConvKernel& find_exact_conv(const KernelTable& kernels, const ConvShape& shape) {
    const ConvKernel* kernel = kernels.conv;
    while (kernel->may_decline || !kernel->fits(shape, Precision::kDefault)) ++kernel;
    return *kernel;
}

ConvOp::ConvOp(const KernelTable& kernels, const ConvShape& shape, Precision precision,
               const float* weight, const float* bias)
    : kernels_(kernels),
      shape_(shape),
      precision_(precision),
      best_(kernels.conv),
      exact_(&find_exact_conv(kernels, shape)),
      backward_(is_plain(shape) ? &find_conv_backward(kernels, shape) : nullptr) {
    weight_.assign(weight, weight + shape.channels_out * (shape.channels_in / shape.groups) *
                                        shape.kernel.h * shape.kernel.w);
    if (bias) bias_.assign(bias, bias + shape.channels_out);
    while (!best_->fits(shape, precision)) ++best_;
}

std::unique_ptr<ConvOp> ConvOp::with_residual() const {
    ConvShape shape = shape_;
    shape.residual = true;
    return std::make_unique<ConvOp>(kernels_, shape, precision_, weight_.data(), bias_or_null());
}

bool ConvOp::is_brief(const ConvShape& shape, long images) {
    return multiply_adds(shape, images) < 2 * kShare;
}

const ConvKernel* ConvOp::fast() const {
    if (is_ready_.load(std::memory_order_acquire)) return fast_;
    std::call_once(fast_once_, [&] {
        for (const ConvKernel* a = best_; a != exact_ && !fast_; ++a) {
            if (!a->fits(shape_, precision_)) continue;
            prepared_fast_ = allocate(a->prepared_bytes(shape_));
            if (a->prepare(shape_, weight_.data(), bias_or_null(), prepared_fast_.get())) fast_ = a;
        }
        is_ready_.store(true, std::memory_order_release);
    });
    return fast_;
}

const void* ConvOp::prepared_exact() const {
    std::call_once(exact_once_, [&] {
        Buffer made = allocate(exact_->prepared_bytes(shape_));
        exact_->prepare(shape_, weight_.data(), bias_or_null(), made.get());
        prepared_exact_ = std::move(made);
    });
    return prepared_exact_.get();
}

const float* ConvOp::backward_weight() const {
    std::call_once(backward_once_, [&] {
        Buffer made = allocate(backward_->weight_bytes(shape_));
        backward_->pack_weights(shape_, weight_.data(), static_cast<float*>(made.get()));
        backward_weight_ = std::move(made);
    });
    return static_cast<const float*>(backward_weight_.get());
}

void ConvOp::run(const ConvShape& shape, const float* x, long images, float* y,
                 unsigned char* indices, int threads, const float* residual) const {
    struct Call {
        const ConvOp& op;
        const ConvKernel* fast;
        const ConvShape& shape;
        const float* x;
        float* y;
        unsigned char* indices;
        const float* residual;
        long parts;  // row ranges that an image is cut into
        size_t bytes;
    };
    if (images == 0) return;
    threads = useful(threads, shape, images);
    // Whole images keep the input's borders from being read twice; few are cut, so that everyone
    // has as much to do.
    const long parts = images >= 8L * threads
                           ? 1
                           : std::min(threads / std::gcd<long>(threads, images), shape.output.h);
    size_t bytes = exact_->workspace_bytes(shape);
    const auto serves = [&](const ConvKernel* a) { return a && (!indices || a->returns_indices); };
    const ConvKernel* fast = serves(best_) && serves(this->fast()) ? this->fast() : nullptr;
    if (fast) bytes = std::max(bytes, fast->workspace_bytes(shape));
    Call call = {*this, fast, shape, x, y, indices, residual, parts, bytes};
    parallel_for(
        threads, images * parts,
        [](void* context, long i) {
            const Call& c = *static_cast<Call*>(context);
            const ConvShape& s = c.shape;
            const long image = i / c.parts, part = i % c.parts;
            const float* from = c.x + image * s.channels_in * s.input.h * s.input.w;
            const long out = image * s.channels_out * s.output.h * s.output.w;
            float* to = c.y + out;
            unsigned char* indices = c.indices ? c.indices + out : nullptr;
            const float* residual =
                c.residual ? c.residual + image * s.channels_out * s.conv.h * s.conv.w : nullptr;
            const long row0 = part * s.output.h / c.parts, row1 = (part + 1) * s.output.h / c.parts;
            void* memory = workspace(c.bytes);
            const ConvOp& op = c.op;
            if (!c.fast || !c.fast->run(s, from, op.prepared_fast_.get(), to, indices, row0, row1,
                                        memory, residual)) {
                op.exact_->run(s, from, op.prepared_exact(), to, indices, row0, row1, memory,
                               residual);
            }
        },
        &call);
}

void ConvOp::backward(const ConvShape& shape, const float* x, const float* grad,
                      const unsigned char* indices, long images, float* dw, float* db, float* dx,
                      int threads) const {
    // Sums of fixed groups of images, added in their order: the result does not depend on the
    // threads.
    constexpr int kMostGroups = 16;
    struct Call {
        const ConvOp& op;
        const ConvShape& shape;
        const float *x, *grad;
        const unsigned char* indices;
        float* dx;
        float* sums;  // of each group
        long images, groups, group_floats;
    };
    const long group_floats = backward_->sum_bytes(shape) / sizeof(float);
    const long groups = std::min<long>(images, useful(kMostGroups, shape, images));
    const Buffer sums = allocate(sizeof(float) * groups * group_floats);
    Call call = {*this,  shape,  x,           grad, indices, dx, static_cast<float*>(sums.get()),
                 images, groups, group_floats};
    parallel_for(
        threads, groups,
        [](void* context, long group) {
            const Call& c = *static_cast<Call*>(context);
            const ConvShape& s = c.shape;
            const ConvBackwardKernel& kernel = *c.op.backward_;
            const float* weight = c.dx ? c.op.backward_weight() : nullptr;
            float* to = c.sums + group * c.group_floats;
            std::fill_n(to, c.group_floats, 0.0f);
            void* memory = workspace(kernel.workspace_bytes(s));
            const long in = s.channels_in * s.input.h * s.input.w,
                       out = s.channels_out * s.output.h * s.output.w;
            for (long i = group * c.images / c.groups; i < (group + 1) * c.images / c.groups; ++i) {
                kernel.run(s, c.x + i * in, weight, c.grad + i * out, c.indices + i * out, to,
                           c.dx ? c.dx + i * in : nullptr, memory);
            }
        },
        &call);
    for (long group = 1; group < groups; ++group) {
        for (long i = 0; i < group_floats; ++i) call.sums[i] += call.sums[group * group_floats + i];
    }
    std::fill_n(dw, shape.channels_out * shape.channels_in * shape.kernel.h * shape.kernel.w, 0.0f);
    std::fill_n(db, shape.channels_out, 0.0f);
    if (groups > 0) backward_->add_sums(shape, call.sums, dw, db);
}

}  // namespace cnnkit
