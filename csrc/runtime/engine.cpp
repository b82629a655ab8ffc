#include "runtime/engine.h"

#include "mnist/mnist.h"
#include "runtime/conv_op.h"

namespace cnnkit {
namespace {

// The published network by an instruction set's own table of functions.
class MnistSession : public InferenceSession {
  public:
    MnistSession(const MnistKernels& kernels, const float* parameters)
        : kernels_(kernels), weights_(allocate(kernels.weights_bytes())) {
        kernels_.pack(parameters, weights_.get());
    }

    void infer(const uint8_t* raw, int64_t n, const NetOutputs& out) const override {
        kernels_.infer_u8(weights_.get(), raw, n, out, scratch(kernels_.workspace_bytes()));
    }

    void infer(const float* scaled, int64_t n, const NetOutputs& out) const override {
        kernels_.infer_f32(weights_.get(), scaled, n, out, scratch(kernels_.workspace_bytes()));
    }

  private:
    // Of the calling thread, kept for its next call.
    static void* scratch(size_t bytes) {
        thread_local Buffer memory;
        thread_local size_t size = 0;
        if (size < bytes) memory = allocate(bytes), size = bytes;
        return memory.get();
    }

    const MnistKernels& kernels_;
    Buffer weights_;
};

class MnistTrainer : public Trainer {
  public:
    MnistTrainer(const MnistKernels& kernels, const float* parameters, const float* mean,
                 const float* square, int64_t steps)
        : kernels_(kernels), state_(allocate(kernels.state_bytes())) {
        kernels_.import_state(state_.get(), parameters, mean, square, steps);
    }

    void export_state(float* parameters, float* mean, float* square,
                      int64_t* steps) const override {
        kernels_.export_state(state_.get(), parameters, mean, square, steps);
    }

    NetStatus train(const NetBatches& data, const NetAdam& adam, float* losses,
                    NetProgress* progress) override {
        return kernels_.train(state_.get(), data, adam, losses, progress);
    }

    float gradients(const NetBatches& data, float* gradients, int64_t* correct) override {
        return kernels_.gradients(state_.get(), data, gradients, correct);
    }

    bool run_parts(const NetBatches& data, int parts, bool learning) override {
        if (kernels_.run_parts) kernels_.run_parts(state_.get(), data, parts, learning);
        return kernels_.run_parts != nullptr;
    }

  private:
    const MnistKernels& kernels_;
    Buffer state_;
};

}  // namespace

bool Architecture::is_published() const {
    const auto is = [](const Block& b, long channels) {
        return b.channels == channels && b.kernel == 3 && b.padding == 1 && b.pool == 2;
    };
    return channels == 1 && height == 28 && width == 28 && classes == kMnistClasses &&
           blocks.size() == 2 && is(blocks[0], 16) && is(blocks[1], 4);
}

std::vector<ConvShape> Architecture::shapes() const {
    std::vector<ConvShape> shapes;
    long channels_in = channels;
    Pair input = {height, width};
    for (const Block& b : blocks) {
        ConvShape s = {};
        s.channels_in = channels_in, s.channels_out = b.channels, s.input = input;
        s.kernel = {b.kernel, b.kernel}, s.stride = {1, 1}, s.padding = {b.padding, b.padding};
        s.pool_kernel = s.pool_stride = {b.pool, b.pool};
        complete(s);
        shapes.push_back(s);
        channels_in = b.channels, input = s.output;
    }
    return shapes;
}

Layout::Layout(const Architecture& a) : shapes(a.shapes()), classes(a.classes), count(0) {
    features = a.pixels();
    for (const ConvShape& s : shapes) {
        weight.push_back(count);
        count += s.channels_out * s.channels_in * s.kernel.h * s.kernel.w;
        bias.push_back(count);
        count += s.channels_out;
        features = s.channels_out * s.output.h * s.output.w;
    }
    linear = count;
    linear_bias = linear + classes * features;
    count = linear_bias + classes;
}

std::unique_ptr<InferenceSession> make_session(const KernelTable& kernels,
                                               const Architecture& architecture,
                                               const float* parameters) {
    if (kernels.mnist && architecture.is_published())
        return std::make_unique<MnistSession>(*kernels.mnist, parameters);
    return make_convnet_session(kernels, architecture, parameters);
}

std::unique_ptr<Trainer> make_trainer(const KernelTable& kernels, const Architecture& architecture,
                                      const float* parameters, const float* mean,
                                      const float* square, int64_t steps) {
    if (kernels.mnist && architecture.is_published())
        return std::make_unique<MnistTrainer>(*kernels.mnist, parameters, mean, square, steps);
    return make_convnet_trainer(kernels, architecture, parameters, mean, square, steps);
}

}  // namespace cnnkit
