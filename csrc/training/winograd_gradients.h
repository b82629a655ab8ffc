// The gradients of a 3x3 convolution with stride 1 by Winograd's algorithm (Lavin and Gray,
// arXiv:1509.09308), whose transforms go backward as well: with U of the weights, V of the input
// and D of the output's gradients, all in planes,
//   dW is what becomes of V'D, summed up over tiles and images before it is transformed, and
//   dx of D U'.
// That takes a quarter of the products of direct sums.
#pragma once

#include "training/convolution.h"

namespace cnnkit {

class WinogradGradients {
  public:
    static bool fits(const Size& in, const ConvSpec& c);

    WinogradGradients(const TrainingKernels& vectors, const Blocks& blocks, const Pair& output);

    ptrdiff_t memory_floats() const;  // of a group, for add()
    ptrdiff_t sum_floats() const;     // of a group, zeros at first

    // Before the images of a batch, where gradients of the input will be asked for.
    void turn(const float* weight);
    // Images of a group, one after the other: number `image` of `images`. x and dx are padded to
    // what whole tiles read; no dx: nobody wants it.
    void add(ptrdiff_t image, ptrdiff_t images, const float* x, const float* dy, float* dx,
             float* memory, float* sums) const;
    // The gradient of all sums, in blocks, or that added to it.
    void finish(const float* sums, bool add, float* gradient);

  private:
    void add_band(const WinogradShape& band, ptrdiff_t place, bool full, const float* x,
                  const float* dy, float* dx, float* memory, float* sums) const;
    // Rows of tiles that are computed together, and their tiles.
    ptrdiff_t band() const { return (shape_.tiles.h + bands_ - 1) / bands_; }
    ptrdiff_t tiles() const { return band() * shape_.tiles.w; }
    ptrdiff_t pairs() const { return shape_.inputs * shape_.outputs; }

    const TrainingKernels& vectors_;
    const Blocks blocks_;
    WinogradShape shape_;
    ptrdiff_t bands_;         // of an image
    ptrdiff_t together_;      // images of one band whose products with V are made at once
    Values turned_, planes_;  // weights [tap][output][input], and in planes
};

}  // namespace cnnkit
