// Any convnet on the general kernels: inference, and training image by image, so that an image's
// activations stay in cache.
#include <algorithm>
#include <cmath>

#include "runtime/conv_op.h"
#include "runtime/engine.h"
#include "runtime/softmax.h"

namespace cnnkit {
namespace {

constexpr float kPixelScale = 1.0f / 255.0f;

long outputs(const ConvShape& s) { return s.channels_out * s.output.h * s.output.w; }

void scale(const uint8_t* raw, long pixels, float* to) {
    for (long i = 0; i < pixels; ++i) to[i] = static_cast<float>(raw[i]) * kPixelScale;
}

class ConvnetSession : public InferenceSession {
  public:
    ConvnetSession(const KernelTable& kernels, const Architecture& architecture,
                   const float* parameters)
        : kernels_(kernels),
          layout_(architecture),
          pixels_(architecture.pixels()),
          linear_(parameters + layout_.linear, parameters + layout_.count) {
        for (size_t i = 0; i < layout_.shapes.size(); ++i) {
            ops_.push_back(std::make_unique<ConvOp>(kernels, layout_.shapes[i], Precision::kDefault,
                                                    parameters + layout_.weight[i],
                                                    parameters + layout_.bias[i]));
            ops_.back()->prepack();
            largest_ = std::max(largest_, outputs(layout_.shapes[i]));
        }
    }

    void infer(const uint8_t* raw, int64_t n, const NetOutputs& out) const override {
        std::vector<float>& image = pixels_of_thread();
        image.resize(pixels_);
        for (int64_t i = 0; i < n; ++i) {
            scale(raw + i * pixels_, pixels_, image.data());
            answer(image.data(), i, out);
        }
    }

    void infer(const float* scaled, int64_t n, const NetOutputs& out) const override {
        for (int64_t i = 0; i < n; ++i) answer(scaled + i * pixels_, i, out);
    }

  private:
    static std::vector<float>& pixels_of_thread() {
        thread_local std::vector<float> kept;
        return kept;
    }

    void answer(const float* image, int64_t at, const NetOutputs& out) const {
        // The maps before and after a block by turns, then the three outputs.
        thread_local std::vector<float> memory;
        const long classes = layout_.classes;
        memory.resize(2 * largest_ + 3 * classes);
        float *from = memory.data(), *to = from + largest_, *logits = to + largest_;
        float *log_p = logits + classes, *probabilities = log_p + classes;
        const float* x = image;
        for (size_t i = 0; i < ops_.size(); ++i) {
            ops_[i]->run(layout_.shapes[i], x, 1, to, nullptr, 1);
            x = to;
            std::swap(from, to);
        }
        kernels_.linear.forward(linear_.data(), linear_.data() + classes * layout_.features, x,
                                layout_.features, classes, logits);
        softmax(logits, classes, log_p, probabilities);
        const auto write = [&](float* where, const float* values) {
            if (where) std::copy_n(values, classes, where + at * classes);
        };
        write(out.logits, logits);
        write(out.probabilities, probabilities);
        write(out.log_probabilities, log_p);
        if (out.label) out.label[at] = best_class(logits, classes);
    }

    const KernelTable& kernels_;
    const Layout layout_;
    const long pixels_;
    const std::vector<float> linear_;
    std::vector<std::unique_ptr<ConvOp>> ops_;
    long largest_ = 0;  // floats of a block's output
};

// One block in training: its kernels, and what they made of the weights and of an image.
class BlockTrainer {
  public:
    BlockTrainer(const KernelTable& kernels, const ConvShape& shape)
        : shape_(shape),
          backward_(find_conv_backward(kernels, shape)),
          direct_(find_exact_conv(kernels, shape)),
          prepared_direct_(allocate(direct_.prepared_bytes(shape))),
          packed_(allocate(backward_.weight_bytes(shape))),
          sums_(allocate(backward_.sum_bytes(shape))),
          activations_(outputs(shape)),
          indices_(outputs(shape)),
          dactivations_(outputs(shape)),
          workspace_bytes_(
              std::max(direct_.workspace_bytes(shape), backward_.workspace_bytes(shape))) {
        choose(kernels);
    }

    void prepare(const float* weight, const float* bias) {
        fast_ready_ = fast_ && fast_->prepare(shape_, weight, bias, prepared_fast_.get());
        direct_ready_ = false;
        weight_ = weight, bias_ = bias;
        backward_.pack_weights(shape_, weight, static_cast<float*>(packed_.get()));
        std::fill_n(static_cast<float*>(sums_.get()), backward_.sum_bytes(shape_) / sizeof(float),
                    0.0f);
    }

    // x stays for `backward`.
    const float* forward(const float* x, void* workspace) {
        x_ = x;
        const long rows = shape_.output.h;
        if (fast_ready_ && fast_->run(shape_, x, prepared_fast_.get(), activations_.data(),
                                      indices_.data(), 0, rows, workspace, nullptr)) {
            return activations_.data();
        }
        if (!direct_ready_) direct_.prepare(shape_, weight_, bias_, prepared_direct_.get());
        direct_ready_ = true;
        direct_.run(shape_, x, prepared_direct_.get(), activations_.data(), indices_.data(), 0,
                    rows, workspace, nullptr);
        return activations_.data();
    }

    float* dactivations() { return dactivations_.data(); }

    // Given dactivations; dx may be null.
    void backward(float* dx, void* workspace) {
        backward_.run(shape_, x_, static_cast<const float*>(packed_.get()), dactivations_.data(),
                      indices_.data(), static_cast<float*>(sums_.get()), dx, workspace);
    }

    // Adds the sums over the images since `prepare`.
    void add_gradients(float* dweight, float* dbias) const {
        backward_.add_sums(shape_, static_cast<const float*>(sums_.get()), dweight, dbias);
    }

    size_t workspace_bytes() const { return workspace_bytes_; }

  private:
    // The best kernel that can return its max-pool indices.
    void choose(const KernelTable& kernels) {
        for (const ConvKernel* a = kernels.conv; a != &direct_ && !fast_; ++a)
            if (a->returns_indices && a->fits(shape_, Precision::kDefault)) fast_ = a;
        if (!fast_) return;
        prepared_fast_ = allocate(fast_->prepared_bytes(shape_));
        workspace_bytes_ = std::max(workspace_bytes_, fast_->workspace_bytes(shape_));
    }

    const ConvShape shape_;
    const ConvBackwardKernel& backward_;
    const ConvKernel& direct_;
    const ConvKernel* fast_ = nullptr;
    bool fast_ready_ = false, direct_ready_ = false;
    Buffer prepared_fast_, prepared_direct_, packed_, sums_;
    std::vector<float> activations_;
    std::vector<unsigned char> indices_;
    std::vector<float> dactivations_;
    size_t workspace_bytes_;
    const float *weight_ = nullptr, *bias_ = nullptr, *x_ = nullptr;
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
        size_t bytes = 0;
        blocks_.reserve(layout_.shapes.size());
        for (const ConvShape& shape : layout_.shapes) {
            blocks_.emplace_back(kernels, shape);
            bytes = std::max(bytes, blocks_.back().workspace_bytes());
        }
        workspace_ = allocate(bytes);
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
        for (size_t i = 0; i < blocks_.size(); ++i)
            blocks_[i].prepare(&parameters_[layout_.weight[i]], &parameters_[layout_.bias[i]]);
        const long pixels = static_cast<long>(image_.size());
        const float share = 1.0f / static_cast<float>(n);
        double loss = 0.0;
        long waiting = 0;
        for (int64_t i = first; i < first + n; ++i) {
            const int64_t at = data.order[i];
            scale(data.images + at * pixels, pixels, image_.data());
            loss += image_gradient(data.labels[at], share, waiting, correct);
            if (++waiting == kWaiting || i + 1 == first + n) {
                linear_gradient(waiting);
                waiting = 0;
            }
        }
        for (size_t i = 0; i < blocks_.size(); ++i)
            blocks_[i].add_gradients(&gradient_[layout_.weight[i]], &gradient_[layout_.bias[i]]);
        return static_cast<float>(loss / static_cast<double>(n));
    }

    // One image forward and backward, but for the linear layer's gradient. Returns its loss.
    float image_gradient(long label, float share, long waiting, int64_t* correct) {
        const long classes = layout_.classes;
        const float* x = image_.data();
        for (BlockTrainer& block : blocks_) x = block.forward(x, workspace_.get());
        const float* weight = &parameters_[layout_.linear];
        kernels_.linear.forward(weight, &parameters_[layout_.linear_bias], x, layout_.features,
                                classes, logits_.data());
        softmax(logits_.data(), classes, log_p_.data(), probabilities_.data());
        *correct += best_class(logits_.data(), classes) == label;

        // The label's own entry, p - 1, is taken as minus the others' sum, which keeps its digits
        // when p is close to 1.
        float* dlogits = &dlogits_[waiting * classes];
        float others = 0.0f;
        for (long k = 0; k < classes; ++k) {
            if (k != label) others += probabilities_[k];
            dlogits[k] = probabilities_[k] * share;
        }
        dlogits[label] = -others * share;
        std::copy_n(x, layout_.features, &features_[waiting * layout_.features]);

        kernels_.linear.input_gradient(weight, dlogits, layout_.features, classes,
                                       blocks_.back().dactivations());
        for (size_t i = blocks_.size(); i-- > 0;) {
            blocks_[i].backward(i ? blocks_[i - 1].dactivations() : nullptr, workspace_.get());
        }
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
    std::vector<BlockTrainer> blocks_;
    std::vector<float> image_, features_, dlogits_, logits_, log_p_, probabilities_;
    Buffer workspace_;
};

}  // namespace

std::unique_ptr<InferenceSession> make_convnet_session(const KernelTable& kernels,
                                                       const Architecture& architecture,
                                                       const float* parameters) {
    return std::make_unique<ConvnetSession>(kernels, architecture, parameters);
}

std::unique_ptr<Trainer> make_convnet_trainer(const KernelTable& kernels,
                                              const Architecture& architecture,
                                              const float* parameters, const float* mean,
                                              const float* square, int64_t steps) {
    return std::make_unique<ConvnetTrainer>(kernels, architecture, parameters, mean, square, steps);
}

}  // namespace cnnkit
