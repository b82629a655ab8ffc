// A layer in training: what it keeps of a batch, its parameters, forward and backward.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernels.h"
#include "runtime/thread_pool.h"
#include "training/training_kernels.h"

namespace cnnkit {

// Of an image, [height][width][channels] in memory.
struct Size {
    ptrdiff_t channels, height, width;
    ptrdiff_t pixels() const { return height * width; }
    ptrdiff_t floats() const { return channels * pixels(); }
};

// A layer as it is asked for: its kind, a row of the table in plan.cpp, which says what its numbers
// mean; and what it also does to its output.
struct LayerSpec {
    std::string kind;
    std::vector<ptrdiff_t> sizes;
    std::vector<double> numbers;
    bool relu = false;
    std::vector<ptrdiff_t> pool = {};  // a max-pool's sizes; ReLU comes before or after it
};

// An array for each image of a batch, or for each group of them where nobody needs an image's
// later.
template <typename T>
struct PerImage {
    T* base = nullptr;
    ptrdiff_t stride = 0;
    bool by_group = false;
    T* at(ptrdiff_t image, ptrdiff_t group) const {
        return base ? base + (by_group ? group : image) * stride : nullptr;
    }
};

// The update of parameters and Adam's moments that belongs to a gradient.
struct Update {
    void (*adam)(const AdamStep& step, const float* gradient, ptrdiff_t count, float* parameter,
                 float* mean, float* square);
    AdamStep step;
};

// A batch, or a part of it, on its way through a layer. Its images are in groups, which threads
// share: their number depends on nothing but that of the images.
struct Pass {
    ptrdiff_t images, groups;
    ptrdiff_t before;  // images of the batch in earlier parts
    int threads;
    uint64_t draws;                // determines what is dropped, with an image's place in the batch
    PerImage<float> x, y, dy, dx;  // no dx: nobody wants it
    PerImage<unsigned char> kept;
    const float* parameters;  // in the layer's own order, and likewise
    float* gradient;
    bool add;  // to the gradient, which has that of earlier parts
    // For a layer that updates itself: what it updates; no update where the gradient is not whole.
    float *own, *mean, *square;
    const Update* update;

    // A group's first image; the end of the last group is that of the images.
    ptrdiff_t first(ptrdiff_t group) const { return group * images / groups; }
};

// An image and its group.
struct Turn {
    ptrdiff_t image, group;
};

// Calls work(group, first image, end) for all groups, on several threads.
template <typename Work>
void for_groups(ptrdiff_t images, ptrdiff_t groups, int threads, const Work& work) {
    struct Call {
        const Work& work;
        ptrdiff_t images, groups;
    } call = {work, images, groups};
    parallel_for(
        threads, groups,
        [](void* context, ptrdiff_t g) {
            const Call& c = *static_cast<Call*>(context);
            c.work(g, g * c.images / c.groups, (g + 1) * c.images / c.groups);
        },
        &call);
}

struct Setting {
    const KernelTable& kernels;
    const TrainingKernels& vectors;
    bool first;  // nobody wants the gradient of its input
};

// Its own order of parameters is the one that it computes with, and may have more of them, which
// stay zero. Others give them, and get them, as PyTorch lays them.
class Layer {
  public:
    Layer(const Size& in, const Size& out) : in(in), out(out) {}
    virtual ~Layer() = default;

    const Size in, out;
    ptrdiff_t given = 0, own = 0;  // parameters in either order
    ptrdiff_t statistics = 0;      // running means, then running variances
    ptrdiff_t kept_bytes = 0;      // of each image, from forward to backward
    bool whole_batch = false;      // forward and backward take all images at once
    // Its backward pass makes the update, if there is one, and leaves no gradient then.
    bool updates_itself = false;

    virtual void take(const float* /*given*/, float* /*own*/) const {}
    virtual void give(const float* /*own*/, float* /*given*/) const {}
    virtual void take_statistics(const float*) {}
    virtual void give_statistics(float*) const {}

    // Before the forward passes of a batch.
    virtual void begin(const Pass&) {}
    virtual void forward(const Pass& pass, const Turn& turn) = 0;
    // May overwrite dy.
    virtual void backward(const Pass& pass, const Turn& turn) = 0;
    // After the backward passes: the gradient of the parameters is complete.
    virtual void finish(const Pass&) {}
    // After an update of the parameters.
    virtual void update_statistics() {}
};

// Throws std::invalid_argument for a kind or sizes that there are not.
std::unique_ptr<Layer> make_layer(const Setting& setting, const Size& in, const LayerSpec& spec);

// Fuses layers with those after them where one computes both faster.
std::vector<LayerSpec> fused(std::vector<LayerSpec> specs);

std::unique_ptr<Layer> make_dense_convolution(const Setting&, const Size& in,
                                              const LayerSpec& spec);
std::unique_ptr<Layer> make_pooled_convolution(const Setting&, const Size& in,
                                               const LayerSpec& spec);
std::unique_ptr<Layer> make_linear(const Setting&, const Size& in, const LayerSpec& spec);
std::unique_ptr<Layer> make_norm(const Setting&, const Size& in, const LayerSpec& spec);
std::unique_ptr<Layer> make_max_pool(const Setting&, const Size& in, const LayerSpec& spec);
std::unique_ptr<Layer> make_average_pool(const Setting&, const Size& in, const LayerSpec& spec);
std::unique_ptr<Layer> make_relu(const Setting&, const Size& in, const LayerSpec& spec);
std::unique_ptr<Layer> make_dropout(const Setting&, const Size& in, const LayerSpec& spec);

}  // namespace cnnkit
