// The network engine of every instruction set that has one against the reference: outputs,
// gradients, and a short training. Without Python, so that emulators and sanitizers can run it.
//
//     check_net [ISA...]
//
// Fails on a wrong result, and when the instruction sets found are not those named.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "cpu/dispatch.h"
#include "mnist/engine.h"
#include "runtime/buffer.h"

namespace {

using namespace cnnkit;

constexpr int kImages = 70, kBatch = 33;

// The images for training and inference: sparse, as digits are.
struct Data {
    std::vector<float> parameters = std::vector<float>(kMnistParameters), floats;
    std::vector<uint8_t> images = std::vector<uint8_t>(kImages * kMnistPixels), labels;
    std::vector<int64_t> order;
    std::vector<float> targets, sums, weights;  // a loss with class weights and smoothing

    Data() {
        std::mt19937 random(1);
        for (float& p : parameters) p = (static_cast<int>(random() % 2001) - 1000) / 4000.0f;
        for (uint8_t& pixel : images) pixel = random() % 3 ? 0 : random() % 256;
        for (int i = 0; i < kImages; ++i) {
            labels.push_back(random() % kMnistClasses);
            order.push_back(kImages - 1 - i);
        }
        for (const uint8_t pixel : images) floats.push_back(pixel * (1.0f / 255.0f));
        floats[kMnistPixels * 3] = 1e30f;  // an image that only the reference takes
        for (int label = 0; label < kMnistClasses; ++label) {
            weights.push_back(0.25f * label);
            float sum = 0.0f;
            for (int k = 0; k < kMnistClasses; ++k) {
                targets.push_back((0.01f + 0.9f * (k == label)) * 0.25f * k);
                sum += targets.back();
            }
            sums.push_back(sum);
        }
    }

    NetLoss loss() const { return {targets.data(), sums.data(), weights.data()}; }
    NetBatches batches(int64_t batch_size, const NetLoss* loss = nullptr) const {
        return {images.data(), labels.data(), order.data(), kImages, batch_size, loss};
    }
};

struct Result {
    std::vector<float> logits = std::vector<float>(kImages * kMnistClasses), floats = logits,
                       log_probabilities = logits, probabilities = logits;
    std::vector<float> gradients = std::vector<float>(kMnistParameters), weighted = gradients,
                       trained = gradients, mean = gradients, square = gradients,
                       losses = std::vector<float>(3);
    std::vector<int64_t> label = std::vector<int64_t>(kImages);
    int64_t steps = 0, correct = 0;
    NetStatus status = kNetDone;
};

// Begins as NaN: a read of what was never written shows in the result.
Buffer poisoned(size_t bytes) {
    Buffer buffer = allocate(bytes);
    std::memset(buffer.get(), 0xff, bytes);
    return buffer;
}

Result run(const MnistKernels& k, const Data& data) {
    Result r;
    const Buffer weights = poisoned(k.weights_bytes()), memory = poisoned(k.workspace_bytes()),
                 state = poisoned(k.state_bytes());
    k.pack(data.parameters.data(), weights.get());
    k.infer_f32(weights.get(), data.floats.data(), kImages,
                {r.floats.data(), nullptr, nullptr, nullptr}, memory.get());
    k.infer_u8(
        weights.get(), data.images.data(), kImages,
        {r.logits.data(), r.probabilities.data(), r.log_probabilities.data(), r.label.data()},
        memory.get());
    const std::vector<float> zero(kMnistParameters);
    k.import_state(state.get(), data.parameters.data(), zero.data(), zero.data(), 0);
    k.gradients(state.get(), data.batches(kImages), r.gradients.data(), &r.correct);
    const NetLoss loss = data.loss();
    int64_t correct;
    k.gradients(state.get(), data.batches(kImages, &loss), r.weighted.data(), &correct);
    NetProgress progress = {};
    r.status = k.train(state.get(), data.batches(kBatch), NetAdam(), r.losses.data(), &progress);
    k.export_state(state.get(), r.trained.data(), r.mean.data(), r.square.data(), &r.steps);
    return r;
}

// `share` of the largest value; of each its own where it is huge.
bool near(const char* what, const std::vector<float>& found, const std::vector<float>& wanted,
          double share) {
    constexpr double kHuge = 1e20;
    double largest = 0;
    for (const float w : wanted) {
        if (std::fabs(w) < kHuge) largest = std::fmax(largest, std::fabs(w));
    }
    for (size_t i = 0; i < found.size(); ++i) {
        const double w = wanted[i], scale = std::fabs(w) < kHuge ? largest : std::fabs(w);
        if (std::fabs(found[i] - w) <= share * scale) continue;
        std::printf("  %s: value %zu is %.9g, not %.9g\n", what, i, found[i], w);
        return false;
    }
    return true;
}

bool agree(const Result& r, const Result& wanted) {
    bool good = near("logits", r.logits, wanted.logits, 1e-5);
    good &= near("logits of floats", r.floats, wanted.floats, 1e-5);
    good &= near("probabilities", r.probabilities, wanted.probabilities, 1e-5);
    good &= near("log-probabilities", r.log_probabilities, wanted.log_probabilities, 1e-5);
    good &= near("gradients", r.gradients, wanted.gradients, 2e-5);
    good &= near("gradients with class weights", r.weighted, wanted.weighted, 2e-5);
    good &= near("losses", r.losses, wanted.losses, 1e-4);
    return good && r.status == kNetDone && r.steps == 3 && r.label == wanted.label;
}

}  // namespace

int main(int count, char** words) {
    const Data data;
    const Result wanted = run(kMnistScalar, data);
    bool good = count == 1 || available_kernels().size() == static_cast<size_t>(count - 1);
    for (int i = 1; good && i < count; ++i)
        good = available_kernels()[i - 1]->name == std::string(words[i]);
    if (!good) std::printf("other instruction sets than those named\n");
    for (const KernelTable* kernels : available_kernels()) {
        const MnistKernels* own = find_mnist_kernels(*kernels);
        if (!own) continue;
        const bool right = agree(run(*own, data), wanted);
        std::printf("%s: %s\n", kernels->name, right ? "good" : "WRONG");
        good &= right;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
