#include "runtime/engine.h"

#include <algorithm>

#include "runtime/thread_pool.h"

namespace cnnkit {

template <typename Pixel>
void InferenceSession::infer_parts(const Pixel* images, int64_t n, const NetOutputs& out,
                                   int threads) const {
    constexpr int64_t kFewest = 8;  // images that are worth another thread
    struct Call {
        const InferenceSession& session;
        const Pixel* images;
        const int64_t n;
        const NetOutputs& out;
        const int64_t parts;
    };
    const int64_t parts = std::clamp<int64_t>(n / kFewest, 1, threads);
    Call call = {*this, images, n, out, parts};
    parallel_for(
        threads, parts,
        [](void* context, long part) {
            const Call& c = *static_cast<Call*>(context);
            const int64_t first = part * c.n / c.parts, end = (part + 1) * c.n / c.parts;
            const auto from_first = [&](float* values) {
                return values ? values + first * c.session.classes_ : nullptr;
            };
            const NetOutputs out = {from_first(c.out.logits), from_first(c.out.probabilities),
                                    from_first(c.out.log_probabilities),
                                    c.out.label ? c.out.label + first : nullptr};
            c.session.infer_here(c.images + first * c.session.pixels_, end - first, out);
        },
        &call);
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
