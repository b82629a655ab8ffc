#include "training/trainer.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "runtime/buffer.h"
#include "runtime/softmax.h"
#include "training/blocks.h"
#include "training/random.h"
#include "training/values.h"

namespace cnnkit {
namespace {
#include "weighted_loss.inl.h"

constexpr ptrdiff_t kPart = 64;         // images that go through the layers together
constexpr ptrdiff_t kMostGroups = 8;    // of them, with sums of their own
constexpr ptrdiff_t kUpdate = 1 << 14;  // parameters that are worth another thread
constexpr ptrdiff_t kSlack = 16;        // floats behind an array, which vectors may read

// From one image to the next: never so that all begin in the same few sets of a cache.
ptrdiff_t spread(ptrdiff_t floats) {
    return rounded(floats) + (rounded(floats) % 256 ? 0 : kBlock);
}

// Layers whose images go on one by one, or a single one that takes all at once.
struct Span {
    size_t first, end;
};

class LayersTrainer : public SequenceTrainer {
  public:
    LayersTrainer(const KernelTable& kernels, const Sequence& sequence, uint64_t seed)
        : kernels_(kernels), vectors_(training_kernels(kernels)), sequence_(sequence), seed_(seed) {
        Size size = sequence.images;
        for (const LayerSpec& spec : fused(sequence.layers)) {
            layers_.push_back(make_layer({kernels, vectors_, layers_.empty()}, size, spec));
            size = layers_.back()->out;
        }
        if (layers_.empty() || size.floats() != sequence.classes)
            throw std::invalid_argument("layers that do not end in a score of each class");
        for (size_t i = 0; i < layers_.size(); ++i) {
            const Layer& layer = *layers_[i];
            given_.push_back(given_count_), own_.push_back(own_count_);
            given_count_ += layer.given, own_count_ += rounded(layer.own);
            statistics_ += layer.statistics;
            needs_all_ = needs_all_ || layer.statistics > 0;
            if (!spans_.empty() && !layer.whole_batch && !layers_[i - 1]->whole_batch) {
                spans_.back().end = i + 1;
            } else {
                spans_.push_back({i, i + 1});
            }
        }
        for (Values* values : {&parameters_, &mean_, &square_, &gradient_})
            values->assign(own_count_, 0.0f);
    }

    ptrdiff_t parameters() const override { return given_count_; }
    ptrdiff_t statistics() const override { return statistics_; }

    void take(const float* parameters, const float* mean, const float* square,
              const float* statistics, int64_t steps) override {
        for (size_t i = 0; i < layers_.size(); ++i) {
            layers_[i]->take(parameters + given_[i], &parameters_[own_[i]]);
            layers_[i]->take(mean + given_[i], &mean_[own_[i]]);
            layers_[i]->take(square + given_[i], &square_[own_[i]]);
            layers_[i]->take_statistics(statistics);
            statistics += layers_[i]->statistics;
        }
        steps_ = steps;
    }

    void export_state(float* parameters, float* mean, float* square,
                      int64_t* steps) const override {
        give(parameters_, parameters), give(mean_, mean), give(square_, square);
        *steps = steps_;
    }

    void give_statistics(float* to) const override {
        for (const auto& layer : layers_) {
            layer->give_statistics(to);
            to += layer->statistics;
        }
    }

    NetStatus train(const NetBatches& data, const NetAdam& adam, float* losses,
                    NetProgress* progress) override {
        for (int64_t first = 0; first < data.count; first += data.batch_size) {
            if (__atomic_load_n(&progress->stop, __ATOMIC_RELAXED)) return kNetStopped;
            const int64_t n = std::min(data.batch_size, data.count - first);
            const Update update = next_update(adam);
            const float loss = batch_gradient(data, first, n, &progress->correct, &update);
            losses[progress->steps] = loss;
            if (!std::isfinite(loss)) return kNetNotFinite;
            for (const auto& layer : layers_) layer->update_statistics();
            ++steps_;
            update_rest(update, n, data.threads);
            ++progress->steps;
        }
        return kNetDone;
    }

    float gradients(const NetBatches& data, float* gradients, int64_t* correct) override {
        *correct = 0;
        const float loss = batch_gradient(data, 0, data.count, correct, nullptr);
        give(gradient_, gradients);
        return loss;
    }

  private:
    void give(const Values& own, float* to) const {
        for (size_t i = 0; i < layers_.size(); ++i) layers_[i]->give(&own[own_[i]], to + given_[i]);
    }

    // Images of a batch that go through the layers together.
    ptrdiff_t part_of(int64_t n) const {
        return needs_all_ ? static_cast<ptrdiff_t>(n) : std::min<ptrdiff_t>(n, kPart);
    }

    // The mean loss of images order[first] .. order[first + n - 1]; leaves its gradient. Layers
    // that update themselves do so, if there is an update, where the batch has one part and the
    // loss is finite.
    float batch_gradient(const NetBatches& data, int64_t first, int64_t n, int64_t* correct,
                         const Update* update) {
        const double weight = batch_weight(data, first, n);
        const ptrdiff_t most = part_of(n);
        double loss = 0.0;
        for (int64_t done = 0; done < n; done += most) {
            const ptrdiff_t images = std::min<ptrdiff_t>(most, n - done);
            make_passes(images, static_cast<ptrdiff_t>(done), data.threads);
            forward(data, first + done);
            loss += score(data, first + done, images, 1.0f / static_cast<float>(weight), correct);
            if (most == n && std::isfinite(static_cast<float>(loss / weight)))
                for (Pass& pass : passes_) pass.update = update;
            backward();
        }
        return static_cast<float>(loss / weight);
    }

    // Lays out memory for so many images, and tells the layers.
    void make_passes(ptrdiff_t images, ptrdiff_t before, int threads) {
        const ptrdiff_t groups = std::clamp<ptrdiff_t>(images / 4, 1, kMostGroups);
        if (images > room_) make_room(images);
        passes_.resize(layers_.size());
        const uint64_t draws = mixed(mixed(seed_) + static_cast<uint64_t>(steps_));
        for (size_t i = 0; i < layers_.size(); ++i) {
            passes_[i] = {images,
                          groups,
                          before,
                          threads,
                          draws,
                          values_[i],
                          values_[i + 1],
                          slopes_[i + 1],
                          slopes_[i],
                          kept_[i],
                          &parameters_[own_[i]],
                          &gradient_[own_[i]],
                          before > 0,
                          &parameters_[own_[i]],
                          &mean_[own_[i]],
                          &square_[own_[i]],
                          nullptr};
            layers_[i]->begin(passes_[i]);
        }
    }

    void make_room(ptrdiff_t images) {
        room_ = images;
        const ptrdiff_t groups = std::min(images, kMostGroups);
        ptrdiff_t floats = 0, bytes = 0;
        std::vector<ptrdiff_t> value_at, slope_at, kept_at;
        values_.clear(), slopes_.clear(), kept_.clear();
        for (size_t i = 0; i <= layers_.size(); ++i) {
            const ptrdiff_t stride =
                spread(i ? layers_[i - 1]->out.floats() : layers_[0]->in.floats());
            const bool inner = i > 0 && i < layers_.size() && !layers_[i - 1]->whole_batch &&
                               !layers_[i]->whole_batch;
            values_.push_back({nullptr, stride, false});
            slopes_.push_back({nullptr, stride, inner});
            value_at.push_back(floats), floats += rounded(images * stride + kSlack);
            slope_at.push_back(floats);
            if (i) floats += rounded((inner ? groups : images) * stride + kSlack);
            if (i == layers_.size()) break;
            kept_.push_back({nullptr, rounded(layers_[i]->kept_bytes), false});
            kept_at.push_back(bytes), bytes += images * kept_.back().stride + kSlack;
        }
        arena_ = allocate(sizeof(float) * floats), marks_.assign(bytes, 0);
        float* arena = static_cast<float*>(arena_.get());
        std::fill_n(arena, floats, 0.0f);
        for (size_t i = 0; i < values_.size(); ++i) {
            values_[i].base = arena + value_at[i];
            slopes_[i].base = i ? arena + slope_at[i] : nullptr;
            if (i < kept_.size()) kept_[i].base = marks_.data() + kept_at[i];
        }
    }

    void forward(const NetBatches& data, int64_t first) {
        const Pass& start = passes_[0];
        for_groups(start.images, start.groups, start.threads,
                   [&](ptrdiff_t group, ptrdiff_t from, ptrdiff_t end) {
                       for (ptrdiff_t n = from; n < end; ++n) {
                           const uint8_t* raw =
                               data.images + data.order[first + n] * start_floats();
                           pixels(raw, start.x.at(n, group));
                       }
                   });
        for (const Span& span : spans_)
            run(span, [&](size_t i, const Turn& turn) { layers_[i]->forward(passes_[i], turn); });
    }

    void backward() {
        for (size_t s = spans_.size(); s-- > 0;) {
            const Span& span = spans_[s];
            run(span, [&](size_t i, const Turn& turn) {
                const size_t mirrored = span.first + span.end - 1 - i;
                layers_[mirrored]->backward(passes_[mirrored], turn);
            });
            for (size_t i = span.first; i < span.end; ++i) layers_[i]->finish(passes_[i]);
        }
    }

    // Calls work(i, turn) for the layers of a span and all images.
    template <typename Work>
    void run(const Span& span, const Work& work) {
        const Pass& pass = passes_[span.first];
        if (layers_[span.first]->whole_batch) return work(span.first, {0, 0});
        for_groups(pass.images, pass.groups, pass.threads,
                   [&](ptrdiff_t group, ptrdiff_t first, ptrdiff_t end) {
                       for (ptrdiff_t n = first; n < end; ++n) {
                           for (size_t i = span.first; i < span.end; ++i) work(i, {n, group});
                       }
                   });
    }

    ptrdiff_t start_floats() const { return sequence_.images.floats(); }

    // Raw pixels [C][H][W] as the network was made for them, each step rounded as in its graph.
    void pixels(const uint8_t* raw, float* to) const {
        constexpr float kPixelScale = 1.0f / 255.0f;
        const ptrdiff_t channels = sequence_.images.channels, count = sequence_.images.pixels();
        for (ptrdiff_t c = 0; c < channels; ++c) {
            for (ptrdiff_t p = 0; p < count; ++p) {
                float value = static_cast<float>(*raw++) * kPixelScale;
                if (!sequence_.mean.empty())
                    value = (value - sequence_.mean[c]) / sequence_.deviation[c];
                to[p * channels + c] = value;
            }
        }
    }

    // Loss and gradient of the scores. The label's own entry, p - 1, is taken as minus the others'
    // sum, which keeps its digits when p is close to 1.
    double score(const NetBatches& data, int64_t first, ptrdiff_t images, float share,
                 int64_t* correct) {
        const ptrdiff_t classes = sequence_.classes;
        const Pass& last = passes_.back();
        Values log_p(classes), p(classes);
        double loss = 0.0;
        for (ptrdiff_t n = 0; n < images; ++n) {
            const ptrdiff_t label = data.labels[data.order[first + n]];
            const float* logits = last.y.at(n, 0);
            float* slope = last.dy.at(n, 0);
            softmax(logits, classes, log_p.data(), p.data());
            *correct += best_class(logits, classes) == label;
            if (data.loss) {
                loss += static_cast<double>(weighted_loss(*data.loss, classes, label, p.data(),
                                                          log_p.data(), share, slope));
                continue;
            }
            float others = 0.0f;
            for (ptrdiff_t k = 0; k < classes; ++k) {
                if (k != label) others += p[k];
                slope[k] = p[k] * share;
            }
            slope[label] = -others * share;
            loss += static_cast<double>(-log_p[label]);
        }
        return loss;
    }

    Update next_update(const NetAdam& adam) const {
        const double steps = static_cast<double>(steps_ + 1);
        AdamStep s;
        s.step = static_cast<float>(-adam.learning_rate / (1.0 - std::pow(adam.beta1, steps)));
        s.root_correction = static_cast<float>(std::sqrt(1.0 - std::pow(adam.beta2, steps)));
        s.epsilon = static_cast<float>(adam.epsilon);
        s.keep = static_cast<float>(1.0 - adam.learning_rate * adam.weight_decay);
        s.take1 = static_cast<float>(1.0 - adam.beta1);
        s.keep2 = static_cast<float>(adam.beta2);
        s.take2 = static_cast<float>(1.0 - adam.beta2);
        return {kernels_.adam, s};
    }

    // Of the layers that did not update themselves in a batch of n images.
    void update_rest(const Update& update, int64_t n, int threads) {
        for (size_t i = 0; i < layers_.size(); ++i) {
            if (layers_[i]->updates_itself && part_of(n) == n) continue;
            const ptrdiff_t count = layers_[i]->own, parts = (count + kUpdate - 1) / kUpdate;
            if (!parts) continue;
            for_groups(parts, parts, threads, [&](ptrdiff_t part, ptrdiff_t, ptrdiff_t) {
                const ptrdiff_t at = own_[i] + part * kUpdate;
                update.adam(update.step, &gradient_[at], std::min(kUpdate, count - part * kUpdate),
                            &parameters_[at], &mean_[at], &square_[at]);
            });
        }
    }

    const KernelTable& kernels_;
    const TrainingKernels& vectors_;
    const Sequence sequence_;
    const uint64_t seed_;
    std::vector<std::unique_ptr<Layer>> layers_;
    std::vector<Span> spans_;
    std::vector<ptrdiff_t> given_, own_;  // where each layer's parameters begin
    ptrdiff_t given_count_ = 0, own_count_ = 0, statistics_ = 0;
    bool needs_all_ = false;  // the layers, all images of a batch: it does not go through in parts
    Values parameters_, mean_, square_, gradient_;
    int64_t steps_ = 0;
    // Of a batch: the layers' inputs and outputs, their gradients, and what is kept between.
    ptrdiff_t room_ = 0;
    Buffer arena_;
    std::vector<unsigned char> marks_;
    std::vector<PerImage<float>> values_, slopes_;
    std::vector<PerImage<unsigned char>> kept_;
    std::vector<Pass> passes_;
};

}  // namespace

std::unique_ptr<SequenceTrainer> make_sequence_trainer(const KernelTable& kernels,
                                                       const Sequence& sequence, uint64_t seed) {
    return std::make_unique<LayersTrainer>(kernels, sequence, seed);
}

extern const TrainingKernels kScalarTraining;
#if defined(__x86_64__)
extern const TrainingKernels kAvx2Training;
extern const TrainingKernels kAvx512Training;
#elif defined(__aarch64__)
extern const TrainingKernels kNeonTraining;
#endif

const TrainingKernels& training_kernels(const KernelTable& kernels) {
    const std::string name = kernels.name;
#if defined(__x86_64__)
    if (name == "avx2") return kAvx2Training;
    if (name != "scalar") return kAvx512Training;
#elif defined(__aarch64__)
    if (name == "neon") return kNeonTraining;
#endif
    return kScalarTraining;
}

}  // namespace cnnkit
