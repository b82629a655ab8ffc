#include "mnist/engine.h"

#include <algorithm>
#include <cstring>

#include "runtime/buffer.h"

namespace cnnkit {
namespace {

// Machines without AVX run the general kernels, which are two to three times as fast there as
// kMnistScalar.
struct Row {
    const char* isa;
    const MnistKernels* kernels;
};
constexpr Row kTable[] = {
#if defined(__x86_64__) || defined(_M_X64)
    {"amx", &kMnistAvx512},
    {"avx512", &kMnistAvx512},
    {"avx2", &kMnistAvx2},
#endif
    {nullptr, nullptr},
};

class MnistSession : public InferenceSession {
  public:
    MnistSession(const MnistKernels& kernels, const Architecture& architecture,
                 const float* parameters)
        : InferenceSession(architecture),
          kernels_(kernels),
          weights_(allocate(kernels.weights_bytes())) {
        kernels_.pack(parameters, weights_.get());
    }

  private:
    void infer_here(const uint8_t* raw, int64_t n, const NetOutputs& out) const override {
        kernels_.infer_u8(weights_.get(), raw, n, out,
                          thread_workspace(kernels_.workspace_bytes()));
    }

    void infer_here(const float* scaled, int64_t n, const NetOutputs& out) const override {
        kernels_.infer_f32(weights_.get(), scaled, n, out,
                           thread_workspace(kernels_.workspace_bytes()));
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

    bool run_parts(const NetBatches& data, int parts, bool training) override {
        kernels_.run_parts(state_.get(), data, parts, training);
        return true;
    }

  private:
    const MnistKernels& kernels_;
    Buffer state_;
};

bool is_published(const Architecture& a) {
    const Architecture p = published_architecture();
    const auto same = [](const Block& x, const Block& y) {
        return x.channels == y.channels && x.kernel == y.kernel && x.padding == y.padding &&
               x.pool == y.pool;
    };
    return a.channels == p.channels && a.height == p.height && a.width == p.width &&
           a.classes == p.classes &&
           std::equal(a.blocks.begin(), a.blocks.end(), p.blocks.begin(), p.blocks.end(), same);
}

bool fits(const KernelTable& kernels, const Architecture& architecture) {
    return find_mnist_kernels(kernels) && is_published(architecture);
}

std::unique_ptr<InferenceSession> make_session(const KernelTable& kernels,
                                               const Architecture& architecture,
                                               const float* parameters) {
    return std::make_unique<MnistSession>(*find_mnist_kernels(kernels), architecture, parameters);
}

std::unique_ptr<Trainer> make_trainer(const KernelTable& kernels, const Architecture&,
                                      const float* parameters, const float* mean,
                                      const float* square, int64_t steps) {
    return std::make_unique<MnistTrainer>(*find_mnist_kernels(kernels), parameters, mean, square,
                                          steps);
}

}  // namespace

Architecture published_architecture() {
    return {1, 28, 28, {{16, 3, 1, 2}, {4, 3, 1, 2}}, kMnistClasses};
}

const MnistKernels* find_mnist_kernels(const KernelTable& kernels) {
    const Row* row = kTable;
    while (row->isa && std::strcmp(row->isa, kernels.name) != 0) ++row;
    return row->kernels;
}

extern const Engine kMnistEngine = {"mnist", fits, make_session, make_trainer};

}  // namespace cnnkit
