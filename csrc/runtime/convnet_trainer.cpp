// Training on the general kernels, image by image, so that an image's activations stay in cache.
#include <algorithm>
#include <cmath>
#include <deque>

#include "runtime/conv_op.h"
#include "runtime/convnet.h"
#include "runtime/pixels.h"
#include "runtime/softmax.h"

namespace cnnkit {
namespace {
#include "weighted_loss.inl.h"

// One block in training: its kernels, and what they made of the weights and of an image.
class BlockTrainer {
  public:
    BlockTrainer(const KernelTable& kernels, const ConvShape& shape)
        : shape_(shape),
          conv_(kernels, shape, Precision::kDefault),
          backward_(find_conv_backward(kernels, shape)),
          packed_(allocate(backward_.weight_bytes(shape))),
          sums_(allocate(backward_.sum_bytes(shape))),
          activations_(output_floats(shape)),
          indices_(output_floats(shape)),
          dactivations_(output_floats(shape)) {}

    // The weights have to stay as they are until the next call.
    void set_weights(const float* weight, const float* bias) {
        conv_.set_weights(weight, bias);
        choice_ = conv_.choose(shape_, true);
        backward_.pack_weights(shape_, weight, static_cast<float*>(packed_.get()));
        std::fill_n(static_cast<float*>(sums_.get()), backward_.sum_bytes(shape_) / sizeof(float),
                    0.0f);
    }

    size_t workspace_bytes() const {
        return std::max(choice_.workspace_bytes, backward_.workspace_bytes(shape_));
    }

    // x stays for `backward`.
    const float* forward(const float* x, void* workspace) {
        x_ = x;
        conv_.run(choice_, shape_, x, activations_.data(), indices_.data(), 0, shape_.output.h,
                  workspace);
        return activations_.data();
    }

    float* dactivations() { return dactivations_.data(); }

    // Given dactivations; dx may be null.
    void backward(float* dx, void* workspace) {
        backward_.run(shape_, x_, static_cast<const float*>(packed_.get()), dactivations_.data(),
                      indices_.data(), static_cast<float*>(sums_.get()), dx, workspace);
    }

    // Adds the sums over the images since `set_weights`.
    void add_gradients(float* dweight, float* dbias) const {
        backward_.add_sums(shape_, static_cast<const float*>(sums_.get()), dweight, dbias);
    }

  private:
    const ConvShape shape_;
    PackedConv conv_;
    PackedConv::Choice choice_ = {};
    const ConvBackwardKernel& backward_;
    Buffer packed_, sums_;
    std::vector<float> activations_;
    std::vector<unsigned char> indices_;
    std::vector<float> dactivations_;
    const float* x_ = nullptr;
};

class ConvnetTrainer : public Trainer {
  public:
    ConvnetTrainer(const KernelTable& kernels, const Architecture& architecture,
                   const float* parameters, const float* mean, const float* square, int64_t steps)
        : kernels_(kernels),
          layout_(architecture),
          parameters_(parameters, parameters + layout_.count),
          mean_(mean, mean + layout_.count),
          square_(square, square + layout_.count),
          gradient_(layout_.count),
          steps_(steps),
          image_(architecture.pixels()),
          features_(kWaiting * layout_.features),
          dlogits_(kWaiting * layout_.classes),
          logits_(layout_.classes),
          log_p_(layout_.classes),
          probabilities_(layout_.classes) {
        for (const ConvShape& shape : layout_.shapes) blocks_.emplace_back(kernels, shape);
    }

    void export_state(float* parameters, float* mean, float* square,
                      int64_t* steps) const override {
        std::copy(parameters_.begin(), parameters_.end(), parameters);
        std::copy(mean_.begin(), mean_.end(), mean);
        std::copy(square_.begin(), square_.end(), square);
        *steps = steps_;
    }

    NetStatus train(const NetBatches& data, const NetAdam& adam, float* losses,
                    NetProgress* progress) override {
        for (int64_t first = 0; first < data.count; first += data.batch_size) {
            if (__atomic_load_n(&progress->stop, __ATOMIC_RELAXED)) return kNetStopped;
            const int64_t n = std::min(data.batch_size, data.count - first);
            const float loss = batch_gradient(data, first, n, &progress->correct);
            losses[progress->steps] = loss;
            if (!std::isfinite(loss)) return kNetNotFinite;
            update(adam);
            ++progress->steps;
        }
        return kNetDone;
    }

    float gradients(const NetBatches& data, float* gradients, int64_t* correct) override {
        *correct = 0;
        const float loss = batch_gradient(data, 0, data.count, correct);
        std::copy(gradient_.begin(), gradient_.end(), gradients);
        return loss;
    }

  private:
    static constexpr long kWaiting = 32;  // images that wait for the linear layer's gradient

    // The mean loss of images order[first] .. order[first + n - 1]; leaves its gradient.
    float batch_gradient(const NetBatches& data, int64_t first, int64_t n, int64_t* correct) {
        std::fill(gradient_.begin(), gradient_.end(), 0.0f);
        size_t bytes = 0;
        for (size_t i = 0; i < blocks_.size(); ++i) {
            blocks_[i].set_weights(&parameters_[layout_.weight[i]], &parameters_[layout_.bias[i]]);
            bytes = std::max(bytes, blocks_[i].workspace_bytes());
        }
        workspace_ = thread_workspace(bytes);
        const long pixels = static_cast<long>(image_.size());
        const double weight = batch_weight(data, first, n);
        const float share = 1.0f / static_cast<float>(weight);
        double loss = 0.0;
        long waiting = 0;
        for (int64_t i = first; i < first + n; ++i) {
            const int64_t at = data.order[i];
            scale(data.images + at * pixels, pixels, image_.data());
            loss += image_gradient(data.labels[at], share, waiting, data.loss, correct);
            if (++waiting == kWaiting || i + 1 == first + n) {
                linear_gradient(waiting);
                waiting = 0;
            }
        }
        for (size_t i = 0; i < blocks_.size(); ++i)
            blocks_[i].add_gradients(&gradient_[layout_.weight[i]], &gradient_[layout_.bias[i]]);
        return static_cast<float>(loss / weight);
    }

    // One image forward and backward, but for the linear layer's gradient. Returns its loss.
    float image_gradient(long label, float share, long waiting, const NetLoss* weighted,
                         int64_t* correct) {
        const long classes = layout_.classes;
        const float* x = image_.data();
        for (BlockTrainer& block : blocks_) x = block.forward(x, workspace_);
        const float* weight = &parameters_[layout_.linear];
        kernels_.linear.forward(weight, &parameters_[layout_.linear_bias], x, layout_.features,
                                classes, logits_.data());
        softmax(logits_.data(), classes, log_p_.data(), probabilities_.data());
        *correct += best_class(logits_.data(), classes) == label;

        float* dlogits = &dlogits_[waiting * classes];
        const float loss = weighted
                               ? weighted_loss(*weighted, classes, label, probabilities_.data(),
                                               log_p_.data(), share, dlogits)
                               : plain_loss(label, share, dlogits);
        std::copy_n(x, layout_.features, &features_[waiting * layout_.features]);

        kernels_.linear.input_gradient(weight, dlogits, layout_.features, classes,
                                       blocks_.back().dactivations());
        for (size_t i = blocks_.size(); i-- > 0;) {
            blocks_[i].backward(i ? blocks_[i - 1].dactivations() : nullptr, workspace_);
        }
        return loss;
    }

    // Likewise of the logits alone. The label's own entry, p - 1, is taken as minus the others'
    // sum, which keeps its digits when p is close to 1.
    float plain_loss(long label, float share, float* dlogits) const {
        float others = 0.0f;
        for (long k = 0; k < layout_.classes; ++k) {
            if (k != label) others += probabilities_[k];
            dlogits[k] = probabilities_[k] * share;
        }
        dlogits[label] = -others * share;
        return -log_p_[label];
    }

    void linear_gradient(long n) {
        for (long i = 0; i < n; ++i) {
            for (long k = 0; k < layout_.classes; ++k)
                gradient_[layout_.linear_bias + k] += dlogits_[i * layout_.classes + k];
        }
        kernels_.linear.weight_gradient(features_.data(), dlogits_.data(), n, layout_.features,
                                        layout_.classes, &gradient_[layout_.linear]);
    }

    void update(const NetAdam& adam) {
        const double steps = static_cast<double>(++steps_);
        AdamStep s;
        s.step = static_cast<float>(-adam.learning_rate / (1.0 - std::pow(adam.beta1, steps)));
        s.root_correction = static_cast<float>(std::sqrt(1.0 - std::pow(adam.beta2, steps)));
        s.epsilon = static_cast<float>(adam.epsilon);
        s.keep = static_cast<float>(1.0 - adam.learning_rate * adam.weight_decay);
        s.take1 = static_cast<float>(1.0 - adam.beta1);
        s.keep2 = static_cast<float>(adam.beta2);
        s.take2 = static_cast<float>(1.0 - adam.beta2);
        kernels_.adam(s, gradient_.data(), layout_.count, parameters_.data(), mean_.data(),
                      square_.data());
    }

    const KernelTable& kernels_;
    const Layout layout_;
    std::vector<float> parameters_, mean_, square_, gradient_;
    int64_t steps_;
    std::deque<BlockTrainer> blocks_;
    std::vector<float> image_, features_, dlogits_, logits_, log_p_, probabilities_;
    void* workspace_ = nullptr;  // of the thread that trains
};

}  // namespace

std::unique_ptr<Trainer> make_convnet_trainer(const KernelTable& kernels,
                                              const Architecture& architecture,
                                              const float* parameters, const float* mean,
                                              const float* square, int64_t steps) {
    return std::make_unique<ConvnetTrainer>(kernels, architecture, parameters, mean, square, steps);
}

}  // namespace cnnkit
