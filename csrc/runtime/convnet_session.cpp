// Inference on the general kernels, image by image.
#include <algorithm>

#include "runtime/conv_op.h"
#include "runtime/convnet.h"
#include "runtime/outputs.h"
#include "runtime/pixels.h"

namespace cnnkit {
namespace {

class ConvnetSession : public InferenceSession {
  public:
    ConvnetSession(const KernelTable& kernels, const Architecture& architecture,
                   const float* parameters)
        : InferenceSession(architecture),
          kernels_(kernels),
          layout_(architecture),
          pixels_(architecture.pixels()),
          linear_(parameters + layout_.linear, parameters + layout_.count) {
        for (size_t i = 0; i < layout_.shapes.size(); ++i) {
            ops_.push_back(std::make_unique<ConvOp>(kernels, layout_.shapes[i], Precision::kDefault,
                                                    parameters + layout_.weight[i],
                                                    parameters + layout_.bias[i]));
            ops_.back()->prepack();
            largest_ = std::max(largest_, output_floats(layout_.shapes[i]));
        }
    }

  private:
    void infer_here(const uint8_t* raw, int64_t n, const NetOutputs& out) const override {
        thread_local std::vector<float> image;
        image.resize(pixels_);
        for (int64_t i = 0; i < n; ++i) {
            scale(raw + i * pixels_, pixels_, image.data());
            infer_image(image.data(), i, out);
        }
    }

    void infer_here(const float* scaled, int64_t n, const NetOutputs& out) const override {
        for (int64_t i = 0; i < n; ++i) infer_image(scaled + i * pixels_, i, out);
    }

    void infer_image(const float* image, int64_t at, const NetOutputs& out) const {
        // The maps before and after a block by turns, then the logits.
        thread_local std::vector<float> memory;
        const ptrdiff_t classes = layout_.classes;
        memory.resize(2 * largest_ + classes);
        float *from = memory.data(), *to = from + largest_, *logits = to + largest_;
        const float* x = image;
        for (size_t i = 0; i < ops_.size(); ++i) {
            ops_[i]->run(layout_.shapes[i], x, 1, to, nullptr, 1);
            x = to;
            std::swap(from, to);
        }
        kernels_.linear.forward(linear_.data(), linear_.data() + classes * layout_.features, x,
                                layout_.features, classes, logits);
        write_outputs(logits, classes, at, out);
    }

    const KernelTable& kernels_;
    const Layout layout_;
    const ptrdiff_t pixels_;
    const std::vector<float> linear_;
    std::vector<std::unique_ptr<ConvOp>> ops_;
    ptrdiff_t largest_ = 0;  // floats of a block's output
};

}  // namespace

std::unique_ptr<InferenceSession> make_convnet_session(const KernelTable& kernels,
                                                       const Architecture& architecture,
                                                       const float* parameters) {
    return std::make_unique<ConvnetSession>(kernels, architecture, parameters);
}

}  // namespace cnnkit
