// The interface of what runs and trains a convnet. engines/engines.h has the table of them.
#pragma once

#include <cstdint>
#include <memory>

#include "kernels.h"
#include "runtime/architecture.h"
#include "runtime/types.h"

namespace cnnkit {

// Infers images [N][pixels]. Several threads may use one.
class InferenceSession {
  public:
    explicit InferenceSession(const Architecture& architecture)
        : pixels_(architecture.pixels()), classes_(architecture.classes) {}
    virtual ~InferenceSession() = default;

    // Raw pixels, or floats already scaled to [0, 1], shared out over `threads` threads. The same
    // bits for any number of them.
    void infer(const uint8_t* raw, int64_t n, const NetOutputs& out, int threads = 1) const;
    void infer(const float* scaled, int64_t n, const NetOutputs& out, int threads = 1) const;

  private:
    // On the calling thread; const and free of locks.
    virtual void infer_here(const uint8_t* raw, int64_t n, const NetOutputs& out) const = 0;
    virtual void infer_here(const float* scaled, int64_t n, const NetOutputs& out) const = 0;

    // How many of the last images are better done one by one, each by all threads.
    virtual int64_t wide(int64_t /*n*/, int /*threads*/) const { return 0; }
    virtual void infer_wide(const uint8_t* raw, int64_t n, const NetOutputs& out, int) const {
        infer_here(raw, n, out);
    }
    virtual void infer_wide(const float* scaled, int64_t n, const NetOutputs& out, int) const {
        infer_here(scaled, n, out);
    }
    // Images that are worth another thread.
    virtual int64_t fewest() const { return 8; }

    template <typename Pixel>
    void infer_parts(const Pixel* images, int64_t n, const NetOutputs& out, int threads) const;

    const ptrdiff_t pixels_, classes_;
};

// Holds parameters and Adam's moments during training; vectors have the order of `Layout`. Not for
// two threads at once.
class Trainer {
  public:
    virtual ~Trainer() = default;
    virtual void export_state(float* parameters, float* mean, float* square,
                              int64_t* steps) const = 0;
    // Makes ceil(count / batch_size) steps and writes each one's loss. A loss that is not finite
    // ends the epoch before the update that it would have caused. Any split of an epoch at whole
    // batches gives the same bits.
    virtual NetStatus train(const NetBatches& data, const NetAdam& adam, float* losses,
                            NetProgress* progress) = 0;
    // The loss of one batch (all of `data`) and its gradients; changes no parameter.
    virtual float gradients(const NetBatches& data, float* gradients, int64_t* correct) = 0;
    // Only the first parts of the work on each image, so that they can be timed; see
    // MnistKernels::run_parts. False: this engine's work has no such parts.
    virtual bool run_parts(const NetBatches&, int /*parts*/, bool /*training*/) { return false; }
};

// One way to run networks. It declines those that it does not fit.
struct Engine {
    const char* name;
    bool (*fits)(const KernelTable& kernels, const Architecture& architecture);
    std::unique_ptr<InferenceSession> (*make_session)(const KernelTable& kernels,
                                                      const Architecture& architecture,
                                                      const float* parameters);
    std::unique_ptr<Trainer> (*make_trainer)(const KernelTable& kernels,
                                             const Architecture& architecture,
                                             const float* parameters, const float* mean,
                                             const float* square, int64_t steps);
};

}  // namespace cnnkit
