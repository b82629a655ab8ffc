// Random networks of the family on every instruction set of this machine against plain sums in
// double precision: outputs, gradients, and a short training. Without Python, so that emulators and
// sanitizers can run it.
//
//     check_family COUNT
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "cpu/dispatch.h"
#include "runtime/convnet.h"
#include "training/convnet_engine.h"

namespace {

using namespace cnnkit;

constexpr int kImages = 9, kBatch = 4;

using Doubles = std::vector<double>;

// A network, and the images for training and inference.
struct Case {
    Architecture architecture;
    std::vector<float> parameters;
    std::vector<uint8_t> images, labels;
    std::vector<int64_t> order;
    // The loss: every second case has class weights and label smoothing.
    bool weighted = false;
    std::vector<float> targets, sums, weights;

    NetLoss loss() const { return {targets.data(), sums.data(), weights.data()}; }
    NetBatches batches(int64_t batch_size, const NetLoss& loss) const {
        return {images.data(), labels.data(), order.data(),
                kImages,       batch_size,    weighted ? &loss : nullptr};
    }
    double weight() const {
        double total = 0.0;
        for (const uint8_t label : labels) total += weights[label];
        return total;
    }
};

// Targets as of PyTorch's CrossEntropyLoss.
void add_loss(Case& c, std::mt19937& random) {
    const ptrdiff_t classes = c.architecture.classes;
    c.weighted = random() % 2;
    const float smoothing = c.weighted && random() % 2 ? 0.1f : 0.0f;
    for (ptrdiff_t k = 0; k < classes; ++k)
        c.weights.push_back(c.weighted && k ? (1 + random() % 4) / 2.0f : 1.0f);
    for (ptrdiff_t label = 0; label < classes; ++label) {
        float sum = 0.0f;
        for (ptrdiff_t k = 0; k < classes; ++k) {
            const float own = k == label ? 1.0f - smoothing : 0.0f;
            c.targets.push_back((own + smoothing / classes) * c.weights[k]);
            sum += c.targets.back();
        }
        c.sums.push_back(sum);
    }
}

// The first is the published network, which some instruction sets run on the general kernels.
Case random_case(std::mt19937& random, bool first) {
    const auto any = [&](std::initializer_list<ptrdiff_t> of) {
        return of.begin()[random() % of.size()];
    };
    Case c;
    for (;;) {
        c.architecture = {
            any({1, 2, 3}), any({5, 9, 14, 20, 28}), any({6, 9, 17, 28}), {}, any({2, 7, 10, 17})};
        const ptrdiff_t blocks = any({1, 1, 2, 2, 3, 4});
        for (ptrdiff_t i = 0; i < blocks; ++i) {
            const ptrdiff_t kernel = any({1, 2, 3, 3, 3, 5, 11});
            c.architecture.blocks.push_back({any({1, 3, 4, 8, 16, 17}), kernel,
                                             any({0, kernel / 2, kernel / 2}), any({1, 2, 2, 3})});
        }
        if (first) c.architecture = {1, 28, 28, {{16, 3, 1, 2}, {4, 3, 1, 2}}, 10};
        bool good = true;
        for (const ConvShape& s : c.architecture.shapes())
            good = good && s.output.h >= 1 && s.output.w >= 1;
        if (good) break;
    }
    const Layout layout(c.architecture);
    for (ptrdiff_t i = 0; i < layout.count; ++i)
        c.parameters.push_back((random() / 4294967296.0f - 0.5f) / 2.0f);
    for (ptrdiff_t i = 0; i < kImages * c.architecture.pixels(); ++i)
        c.images.push_back(random() % 256);
    for (int i = 0; i < kImages; ++i) {
        c.labels.push_back(i ? random() % c.architecture.classes : 0);
        c.order.push_back(kImages - 1 - i);
    }
    add_loss(c, random);
    return c;
}

// One image forward: what each block puts out, and the place in the block's input under the first
// tap of the pool window's maximum; -1 where ReLU gave zero.
struct Trace {
    std::vector<Doubles> maps;  // the image, then each block's
    std::vector<std::vector<ptrdiff_t>> row, column;
    Doubles log_p;
    double closest = 1.0;  // two values, of which rounding may choose the other
};

Trace forward(const Case& c, const Layout& layout, int image) {
    Trace t;
    const ptrdiff_t pixels = c.architecture.pixels();
    t.maps.emplace_back();
    for (ptrdiff_t i = 0; i < pixels; ++i)
        t.maps[0].push_back(c.images[image * pixels + i] * static_cast<double>(1.0f / 255.0f));
    for (size_t b = 0; b < layout.shapes.size(); ++b) {
        const ConvShape& s = layout.shapes[b];
        const Doubles in = t.maps.back();
        Doubles out;
        t.row.emplace_back(), t.column.emplace_back();
        for (ptrdiff_t o = 0; o < s.channels_out; ++o)
            for (ptrdiff_t y = 0; y < s.output.h; ++y)
                for (ptrdiff_t x = 0; x < s.output.w; ++x) {
                    double best = 0.0;
                    ptrdiff_t row = -1, column = -1;
                    for (ptrdiff_t tap = 0; tap < s.pool_kernel.h * s.pool_kernel.w; ++tap) {
                        const ptrdiff_t top =
                            y * s.pool_kernel.h + tap / s.pool_kernel.w - s.padding.h;
                        const ptrdiff_t left =
                            x * s.pool_kernel.w + tap % s.pool_kernel.w - s.padding.w;
                        double sum = c.parameters[layout.bias[b] + o];
                        const float* w = &c.parameters[layout.weight[b] +
                                                       o * s.channels_in * s.kernel.h * s.kernel.w];
                        for (ptrdiff_t i = 0; i < s.channels_in; ++i)
                            for (ptrdiff_t k = 0; k < s.kernel.h; ++k)
                                for (ptrdiff_t l = 0; l < s.kernel.w; ++l, ++w) {
                                    const ptrdiff_t r = top + k, q = left + l;
                                    if (r < 0 || r >= s.input.h || q < 0 || q >= s.input.w)
                                        continue;
                                    sum += *w * in[(i * s.input.h + r) * s.input.w + q];
                                }
                        if (sum != best) t.closest = std::fmin(t.closest, std::fabs(sum - best));
                        if (sum > best) best = sum, row = top, column = left;
                    }
                    out.push_back(best);
                    t.row[b].push_back(row), t.column[b].push_back(column);
                }
        t.maps.push_back(out);
    }
    Doubles logits;
    double top = -INFINITY, total = 0.0;
    for (ptrdiff_t k = 0; k < layout.classes; ++k) {
        double sum = c.parameters[layout.linear_bias + k];
        for (ptrdiff_t f = 0; f < layout.features; ++f)
            sum += c.parameters[layout.linear + k * layout.features + f] * t.maps.back()[f];
        logits.push_back(sum), top = std::fmax(top, sum);
    }
    for (const double logit : logits) total += std::exp(logit - top);
    for (const double logit : logits) t.log_p.push_back(logit - top - std::log(total));
    return t;
}

// Adds one image's gradient of loss / the images' weight, and the sizes of the logits' slopes,
// which may cancel in a bias; returns its loss.
double backward(const Case& c, const Layout& layout, int image, Doubles& gradient, double& terms) {
    const Trace t = forward(c, layout, image);
    const int label = c.labels[image];
    const float* target = c.targets.data() + label * layout.classes;
    Doubles d(layout.features);
    double loss = 0.0;
    for (ptrdiff_t k = 0; k < layout.classes; ++k) {
        const double dlogit = (c.sums[label] * std::exp(t.log_p[k]) - target[k]) / c.weight();
        loss -= target[k] * t.log_p[k];
        terms += std::fabs(dlogit);
        gradient[layout.linear_bias + k] += dlogit;
        for (ptrdiff_t f = 0; f < layout.features; ++f) {
            const ptrdiff_t at = layout.linear + k * layout.features + f;
            gradient[at] += dlogit * t.maps.back()[f];
            d[f] += dlogit * c.parameters[at];
        }
    }
    for (size_t b = layout.shapes.size(); b-- > 0;) {
        const ConvShape& s = layout.shapes[b];
        Doubles dx(s.channels_in * s.input.h * s.input.w);
        const ptrdiff_t plane = s.output.h * s.output.w;
        for (ptrdiff_t n = 0; n < s.channels_out * plane; ++n) {
            if (!(t.maps[b + 1][n] > 0.0)) continue;
            const ptrdiff_t o = n / plane;
            gradient[layout.bias[b] + o] += d[n];
            ptrdiff_t at = layout.weight[b] + o * s.channels_in * s.kernel.h * s.kernel.w;
            for (ptrdiff_t i = 0; i < s.channels_in; ++i)
                for (ptrdiff_t k = 0; k < s.kernel.h; ++k)
                    for (ptrdiff_t l = 0; l < s.kernel.w; ++l, ++at) {
                        const ptrdiff_t r = t.row[b][n] + k, q = t.column[b][n] + l;
                        if (r < 0 || r >= s.input.h || q < 0 || q >= s.input.w) continue;
                        const ptrdiff_t pixel = (i * s.input.h + r) * s.input.w + q;
                        gradient[at] += d[n] * t.maps[b][pixel];
                        dx[pixel] += d[n] * c.parameters[at];
                    }
        }
        d = dx;
    }
    return loss;
}

// Within `share` of the largest value, or a thirtieth of `scale`, where a tensor's values
// cancel.
template <typename Found>
bool near(const char* what, const Found* found, const double* wanted, ptrdiff_t count, double share,
          double scale = 0.0) {
    double largest = scale / 30.0;
    for (ptrdiff_t i = 0; i < count; ++i) largest = std::fmax(largest, std::fabs(wanted[i]));
    for (ptrdiff_t i = 0; i < count; ++i) {
        if (std::fabs(found[i] - wanted[i]) <= share * largest) continue;
        std::printf("  %s: value %td is %.9g, not %.9g (largest %.9g)\n", what, i,
                    static_cast<double>(found[i]), wanted[i], largest);
        return false;
    }
    return true;
}

struct Wanted {
    Doubles log_p, gradient;
    double loss = 0.0, closest = 1.0, terms = 0.0;
};

Wanted exact(const Case& c, const Layout& layout) {
    Wanted w;
    w.gradient.resize(layout.count);
    for (int i = 0; i < kImages; ++i) {
        w.loss += backward(c, layout, i, w.gradient, w.terms) / c.weight();
        const Trace t = forward(c, layout, i);
        w.log_p.insert(w.log_p.end(), t.log_p.begin(), t.log_p.end());
        w.closest = std::fmin(w.closest, t.closest);
    }
    return w;
}

bool check(const KernelTable& kernels, const Case& c, const Layout& layout, const Wanted& wanted) {
    std::vector<float> log_p(kImages * layout.classes), floats(log_p);
    make_convnet_session(kernels, c.architecture, c.parameters.data())
        ->infer(c.images.data(), kImages, {nullptr, nullptr, log_p.data(), nullptr});
    std::vector<float> scaled;
    for (const uint8_t pixel : c.images) scaled.push_back(pixel * (1.0f / 255.0f));
    make_convnet_session(kernels, c.architecture, c.parameters.data())
        ->infer(scaled.data(), kImages, {nullptr, nullptr, floats.data(), nullptr});
    bool good = log_p == floats;
    good &= near("log-probabilities", log_p.data(), wanted.log_p.data(), log_p.size(), 5e-6);

    const std::vector<float> zero(layout.count);
    std::vector<float> gradient(layout.count), losses(3), trained(layout.count), mean(zero),
        square(zero);
    const auto trainer = kConvnetEngine.make_trainer(kernels, c.architecture, c.parameters.data(),
                                                     zero.data(), zero.data(), 0);
    int64_t correct, steps;
    const NetLoss weighted = c.loss();
    const float loss = trainer->gradients(c.batches(kImages, weighted), gradient.data(), &correct);
    double scale = 0.0;
    for (const double value : wanted.gradient) scale = std::fmax(scale, std::fabs(value));
    good &= near("loss", &loss, &wanted.loss, 1, 5e-6);
    std::vector<ptrdiff_t> ends(layout.weight.begin() + 1, layout.weight.end());
    ends.push_back(layout.linear);
    for (size_t b = 0; b < layout.shapes.size(); ++b) {
        const ptrdiff_t w = layout.weight[b], bias = layout.bias[b];
        good &= near("weight", &gradient[w], &wanted.gradient[w], bias - w, 1e-5, scale);
        good &= near("bias", &gradient[bias], &wanted.gradient[bias], ends[b] - bias, 1e-5, scale);
    }
    good &= near("linear", &gradient[layout.linear], &wanted.gradient[layout.linear],
                 layout.linear_bias - layout.linear, 1e-5, scale);
    good &= near("linear bias", &gradient[layout.linear_bias], &wanted.gradient[layout.linear_bias],
                 layout.classes, 1e-5, std::fmax(scale, wanted.terms / layout.classes));

    NetProgress progress = {};
    const NetStatus status =
        trainer->train(c.batches(kBatch, weighted), NetAdam(), losses.data(), &progress);
    trainer->export_state(trained.data(), mean.data(), square.data(), &steps);
    good &= status == kNetDone && steps == 3 && progress.steps == 3;
    for (const float value : trained) good &= std::isfinite(value);
    return good && trained != c.parameters;
}

}  // namespace

int main(int count, char** words) {
    const int cases = count > 1 ? std::atoi(words[1]) : 50;
    std::mt19937 random(1);
    int wrong = 0;
    for (int i = 0; i < cases;) {
        const Case c = random_case(random, i == 0);
        const Layout layout(c.architecture);
        const Wanted wanted = exact(c, layout);
        if (wanted.closest < 2e-6) continue;
        ++i;
        for (const KernelTable* kernels : available_kernels()) {
            if (check(*kernels, c, layout, wanted)) continue;
            std::printf("%s: case %d is WRONG\n", kernels->name, i);
            ++wrong;
        }
    }
    std::printf("%d cases on %zu instruction sets, %d wrong\n", cases, available_kernels().size(),
                wrong);
    return wrong || cases < 1 ? EXIT_FAILURE : EXIT_SUCCESS;
}
