// The table of the layers' kinds, and which of them are computed together.
#include <stdexcept>

#include "training/layer.h"

namespace cnnkit {
namespace {

struct LayerKind {
    const char* name;
    size_t sizes, numbers;
    std::unique_ptr<Layer> (*make)(const Setting&, const Size& in, const LayerSpec& spec);
};

std::unique_ptr<Layer> make_convolution(const Setting& setting, const Size& in,
                                        const LayerSpec& spec) {
    return (spec.pool.empty() ? make_dense_convolution : make_pooled_convolution)(setting, in,
                                                                                  spec);
}

// What the sizes are; "before" is the padding above and to the left, and what is needed of it below
// and to the right follows from the output's:
// conv: channels, kernel h w, stride h w, before h w, output h w, whether it has a bias
// linear: features, whether it has a bias
// norm: no sizes; epsilon, momentum
// max_pool: kernel h w, stride h w, before h w, output h w
// average_pool: likewise, whether padding counts, how much after h w does
// dropout: its number among the network's; the share that is dropped
constexpr LayerKind kKinds[] = {
    {"conv", 10, 0, make_convolution},
    {"linear", 2, 0, make_linear},
    {"norm", 0, 2, make_norm},
    {"max_pool", 8, 0, make_max_pool},
    {"average_pool", 11, 0, make_average_pool},
    {"relu", 0, 0, make_relu},
    {"dropout", 1, 1, make_dropout},
};

constexpr ptrdiff_t kMost = ptrdiff_t{1} << 24;        // of any size
constexpr ptrdiff_t kMostFloats = ptrdiff_t{1} << 28;  // of an image

// Whether each window of `count`, from `before` on, has a pixel of the image.
bool windows_fit(ptrdiff_t size, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t before,
                 ptrdiff_t count) {
    return kernel >= 1 && stride >= 1 && before < kernel && count >= 1 &&
           (count - 1) * stride - before < size;
}
bool windows_fit(const Size& in, const ptrdiff_t* s) {
    return windows_fit(in.height, s[0], s[2], s[4], s[6]) &&
           windows_fit(in.width, s[1], s[3], s[5], s[7]);
}

bool is_sound(const Size& in, const LayerSpec& spec) {
    const std::vector<ptrdiff_t>& s = spec.sizes;
    for (const ptrdiff_t size : s)
        if (size < 0 || size > kMost) return false;
    if (spec.kind == "conv") {
        const Size out = {s[0], s[7], s[8]};
        const std::vector<ptrdiff_t>& pool = spec.pool;
        return s[0] >= 1 && windows_fit(in, &s[1]) && out.floats() <= kMostFloats &&
               (pool.empty() || windows_fit(out, pool.data()));
    }
    if (spec.kind == "linear") return s[0] >= 1;
    if (spec.kind == "max_pool") return windows_fit(in, s.data()) && s[0] * s[1] <= kMostTaps;
    if (spec.kind == "average_pool") return windows_fit(in, s.data());
    return spec.kind != "dropout" || (spec.numbers[0] >= 0.0 && spec.numbers[0] <= 1.0);
}

}  // namespace

std::unique_ptr<Layer> make_layer(const Setting& setting, const Size& in, const LayerSpec& spec) {
    for (const LayerKind& kind : kKinds) {
        if (spec.kind != kind.name) continue;
        if (spec.sizes.size() == kind.sizes && spec.numbers.size() == kind.numbers &&
            is_sound(in, spec))
            return kind.make(setting, in, spec);
    }
    throw std::invalid_argument("a layer \"" + spec.kind + "\" that cannot be");
}

std::vector<LayerSpec> fused(std::vector<LayerSpec> specs) {
    std::vector<LayerSpec> result;
    for (LayerSpec& spec : specs) {
        LayerSpec* last = result.empty() ? nullptr : &result.back();
        const bool conv = last && last->kind == "conv", pooled = conv && !last->pool.empty();
        const bool takes_relu =
            conv ||
            (last && (last->kind == "norm" || last->kind == "linear" || last->kind == "max_pool"));
        if (spec.kind == "relu" && takes_relu) {
            last->relu = true;
        } else if (spec.kind == "max_pool" && spec.sizes.size() == 8 && conv && !pooled &&
                   spec.sizes[0] * spec.sizes[1] <= kMostTaps) {
            last->pool = spec.sizes;
        } else {
            result.push_back(std::move(spec));
        }
    }
    return result;
}

}  // namespace cnnkit
