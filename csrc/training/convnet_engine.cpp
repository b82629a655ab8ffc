#include "training/convnet_engine.h"

#include "runtime/convnet.h"
#include "training/trainer.h"

namespace cnnkit {
namespace {

bool fits(const KernelTable&, const Architecture&) { return true; }

// A convnet as a list of layers.
Sequence sequence_of(const Architecture& a) {
    Sequence sequence = {{a.channels, a.height, a.width}, a.classes, {}, {}, {}};
    for (const ConvShape& s : a.shapes()) {
        const Pair &k = s.kernel, &p = s.padding, &w = s.pool_kernel, &c = s.conv, &o = s.output;
        sequence.layers.push_back(
            {"conv", {s.channels_out, k.h, k.w, 1, 1, p.h, p.w, c.h, c.w, 1}, {}});
        sequence.layers.push_back({"relu", {}, {}});
        if (w.h > 1) {
            sequence.layers.push_back({"max_pool", {w.h, w.w, w.h, w.w, 0, 0, o.h, o.w}, {}});
        }
    }
    sequence.layers.push_back({"linear", {a.classes, 1}, {}});
    return sequence;
}

std::unique_ptr<Trainer> make_trainer(const KernelTable& kernels, const Architecture& architecture,
                                      const float* parameters, const float* mean,
                                      const float* square, int64_t steps) {
    auto trainer = make_sequence_trainer(kernels, sequence_of(architecture), 0);
    trainer->take(parameters, mean, square, nullptr, steps);
    return trainer;
}

}  // namespace

extern const Engine kConvnetEngine = {"convnet", fits, make_convnet_session, make_trainer};

}  // namespace cnnkit
