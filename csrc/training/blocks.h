// Weights as the layers compute with them: blocks of 16 output channels, [block][input][16], the
// inputs of a kernel as [row][column][channel]; then the bias. What fills up the last block is
// zero.
#pragma once

#include <cstddef>
#include <cstring>

namespace cnnkit {

constexpr ptrdiff_t kBlock = 16;

inline ptrdiff_t rounded(ptrdiff_t count, ptrdiff_t to = kBlock) {
    return (count + to - 1) / to * to;
}

struct Blocks {
    ptrdiff_t outputs, channels, height, width;  // of a kernel: its inputs
    bool bias;

    ptrdiff_t inputs() const { return channels * height * width; }
    ptrdiff_t blocks() const { return rounded(outputs) / kBlock; }
    ptrdiff_t weights() const { return rounded(outputs) * inputs(); }
    ptrdiff_t own() const { return weights() + rounded(outputs); }
    ptrdiff_t given() const { return outputs * (inputs() + bias); }
    ptrdiff_t block(ptrdiff_t index) const { return index * inputs() * kBlock; }

    // PyTorch's [output][channel][row][column] and bias, into blocks and back.
    void take(const float* from, float* to) const {
        for_each([&](ptrdiff_t in_theirs, ptrdiff_t in_ours) { to[in_ours] = from[in_theirs]; });
    }
    void give(const float* from, float* to) const {
        for_each([&](ptrdiff_t in_theirs, ptrdiff_t in_ours) { to[in_theirs] = from[in_ours]; });
    }

  private:
    template <typename Copy>
    void for_each(const Copy& copy) const {
        ptrdiff_t at = 0;
        for (ptrdiff_t o = 0; o < outputs; ++o) {
            const ptrdiff_t to = block(o / kBlock) + o % kBlock;
            for (ptrdiff_t c = 0; c < channels; ++c) {
                for (ptrdiff_t p = 0; p < height * width; ++p)
                    copy(at++, to + (p * channels + c) * kBlock);
            }
        }
        for (ptrdiff_t o = 0; bias && o < outputs; ++o) copy(at++, weights() + o);
    }
};

}  // namespace cnnkit
