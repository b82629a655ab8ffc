#include "runtime/engine.h"

#include <algorithm>

#include "runtime/thread_pool.h"

namespace cnnkit {

namespace {

// The outputs of the images from `first` on.
NetOutputs from(const NetOutputs& out, int64_t first, ptrdiff_t classes) {
    const auto moved = [&](float* values) { return values ? values + first * classes : nullptr; };
    return {moved(out.logits), moved(out.probabilities), moved(out.log_probabilities),
            out.label ? out.label + first : nullptr};
}

}  // namespace

template <typename Pixel>
void InferenceSession::infer_parts(const Pixel* images, int64_t n, const NetOutputs& out,
                                   int threads) const {
    struct Call {
        const InferenceSession& session;
        const Pixel* images;
        const int64_t n;
        const NetOutputs& out;
        const int64_t parts;
    };
    const int64_t all = n;
    n -= threads > 1 ? wide(n, threads) : 0;
    const int64_t parts = std::clamp<int64_t>(n / fewest(), 1, threads);
    Call call = {*this, images, n, out, parts};
    parallel_for(
        threads, parts,
        [](void* context, ptrdiff_t part) {
            const Call& c = *static_cast<Call*>(context);
            const int64_t first = part * c.n / c.parts, end = (part + 1) * c.n / c.parts;
            c.session.infer_here(c.images + first * c.session.pixels_, end - first,
                                 from(c.out, first, c.session.classes_));
        },
        &call);
    if (n < all) infer_wide(images + n * pixels_, all - n, from(out, n, classes_), threads);
}

void InferenceSession::infer(const uint8_t* raw, int64_t n, const NetOutputs& out,
                             int threads) const {
    infer_parts(raw, n, out, threads);
}

void InferenceSession::infer(const float* scaled, int64_t n, const NetOutputs& out,
                             int threads) const {
    infer_parts(scaled, n, out, threads);
}

}  // namespace cnnkit
