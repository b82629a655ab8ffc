#include "runtime/conv_op.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "runtime/thread_pool.h"

namespace cnnkit {
namespace {

#include "conv/plain.inl.h"

// A thread's share of multiply-adds that is worth having it: less is done before it looks up.
constexpr double kShare = 500'000;

double multiply_adds(const ConvShape& s, ptrdiff_t images) {
    return 1.0 * images * s.channels_out * s.conv.h * s.conv.w * (s.channels_in / s.groups) *
           s.kernel.h * s.kernel.w;
}

// As many of the threads as have enough to do.
int useful(int threads, const ConvShape& s, ptrdiff_t images) {
    const double shares = multiply_adds(s, images) / kShare;
    return shares >= threads ? threads : std::max(1, static_cast<int>(shares));
}

}  // namespace

void complete(ConvShape& s) {
    const auto windows = [](ptrdiff_t size, ptrdiff_t padding, ptrdiff_t reach, ptrdiff_t stride) {
        const ptrdiff_t room = size + 2 * padding - reach;
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

ConvOp::ConvOp(const KernelTable& kernels, const ConvShape& shape, Precision precision,
               const float* weight, const float* bias)
    : kernels_(kernels),
      shape_(shape),
      backward_(is_plain(shape) ? &find_conv_backward(kernels, shape) : nullptr),
      precision_(precision),
      packed_(kernels, shape, precision) {
    weight_.assign(weight, weight + shape.channels_out * (shape.channels_in / shape.groups) *
                                        shape.kernel.h * shape.kernel.w);
    if (bias) bias_.assign(bias, bias + shape.channels_out);
    packed_.set_weights(weight_.data(), bias ? bias_.data() : nullptr);
}

std::unique_ptr<ConvOp> ConvOp::with_residual() const {
    ConvShape shape = shape_;
    shape.residual = true;
    return std::make_unique<ConvOp>(kernels_, shape, precision_, weight_.data(),
                                    bias_.empty() ? nullptr : bias_.data());
}

bool ConvOp::is_brief(const ConvShape& shape, ptrdiff_t images) {
    return multiply_adds(shape, images) < 2 * kShare;
}

const float* ConvOp::backward_weight() const {
    std::call_once(backward_once_, [&] {
        Buffer made = allocate(backward_->weight_bytes(shape_));
        backward_->pack_weights(shape_, weight_.data(), static_cast<float*>(made.get()));
        backward_weight_ = std::move(made);
    });
    return static_cast<const float*>(backward_weight_.get());
}

void ConvOp::run(const ConvShape& shape, const float* x, ptrdiff_t images, float* y,
                 unsigned char* indices, int threads, const float* residual) const {
    struct Call {
        const PackedConv& packed;
        const PackedConv::Choice choice;
        const ConvShape& shape;
        const float* x;
        float* y;
        unsigned char* indices;
        const float* residual;
        ptrdiff_t parts;  // row ranges that an image is cut into
    };
    if (indices && !backward_) {
        throw std::invalid_argument("only a plain convolution returns max-pool indices");
    }
    if (images == 0) return;
    threads = useful(threads, shape, images);
    // Whole images keep the input's borders from being read twice; few are cut, so that everyone
    // has as much to do.
    const ptrdiff_t parts =
        images >= ptrdiff_t{8} * threads
            ? 1
            : std::min(threads / std::gcd<ptrdiff_t>(threads, images), shape.output.h);
    Call call = {packed_, packed_.choose(shape, indices), shape, x, y, indices, residual, parts};
    parallel_for(
        threads, images * parts,
        [](void* context, ptrdiff_t i) {
            const Call& c = *static_cast<Call*>(context);
            const ConvShape& s = c.shape;
            const ptrdiff_t image = i / c.parts, part = i % c.parts;
            const float* from = c.x + image * s.channels_in * s.input.h * s.input.w;
            const ptrdiff_t out = image * s.channels_out * s.output.h * s.output.w;
            float* to = c.y + out;
            unsigned char* indices = c.indices ? c.indices + out : nullptr;
            const float* residual =
                c.residual ? c.residual + image * s.channels_out * s.conv.h * s.conv.w : nullptr;
            const ptrdiff_t row0 = part * s.output.h / c.parts,
                            row1 = (part + 1) * s.output.h / c.parts;
            c.packed.run(c.choice, s, from, to, indices, row0, row1,
                         thread_workspace(c.choice.workspace_bytes), residual);
        },
        &call);
}

void ConvOp::backward(const ConvShape& shape, const float* x, const float* grad,
                      const unsigned char* indices, ptrdiff_t images, float* dw, float* db,
                      float* dx, int threads) const {
    if (!backward_) throw std::invalid_argument("only a plain convolution has gradients");
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
        ptrdiff_t images, groups, group_floats;
    };
    const ptrdiff_t group_floats = backward_->sum_bytes(shape) / sizeof(float);
    const ptrdiff_t groups = std::min<ptrdiff_t>(images, useful(kMostGroups, shape, images));
    const Buffer sums = allocate(sizeof(float) * groups * group_floats);
    Call call = {*this,  shape,  x,           grad, indices, dx, static_cast<float*>(sums.get()),
                 images, groups, group_floats};
    parallel_for(
        threads, groups,
        [](void* context, ptrdiff_t group) {
            const Call& c = *static_cast<Call*>(context);
            const ConvShape& s = c.shape;
            const ConvBackwardKernel& kernel = *c.op.backward_;
            const float* weight = c.dx ? c.op.backward_weight() : nullptr;
            float* to = c.sums + group * c.group_floats;
            std::fill_n(to, c.group_floats, 0.0f);
            void* memory = thread_workspace(kernel.workspace_bytes(s));
            const ptrdiff_t in = s.channels_in * s.input.h * s.input.w,
                            out = s.channels_out * s.output.h * s.output.w;
            for (ptrdiff_t i = group * c.images / c.groups; i < (group + 1) * c.images / c.groups;
                 ++i) {
                kernel.run(s, c.x + i * in, weight, c.grad + i * out, c.indices + i * out, to,
                           c.dx ? c.dx + i * in : nullptr, memory);
            }
        },
        &call);
    for (ptrdiff_t group = 1; group < groups; ++group) {
        for (ptrdiff_t i = 0; i < group_floats; ++i)
            call.sums[i] += call.sums[group * group_floats + i];
    }
    std::fill_n(dw, shape.channels_out * shape.channels_in * shape.kernel.h * shape.kernel.w, 0.0f);
    std::fill_n(db, shape.channels_out, 0.0f);
    if (groups > 0) backward_->add_sums(shape, call.sums, dw, db);
}

}  // namespace cnnkit
