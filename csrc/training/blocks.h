// Weights as the layers compute with them: blocks of 16 output channels, [block][input][16], the
// inputs of a kernel as [row][column][channel]; then the bias. What fills up the last block is
// zero.
#pragma once

#include <cstring>

namespace cnnkit {

constexpr long kBlock = 16;

inline long rounded(long count, long to = kBlock) { return (count + to - 1) / to * to; }

struct Blocks {
    long outputs, channels, height, width;  // of a kernel: its inputs
    bool bias;

    long inputs() const { return channels * height * width; }
    long blocks() const { return rounded(outputs) / kBlock; }
    long weights() const { return rounded(outputs) * inputs(); }
    long own() const { return weights() + rounded(outputs); }
    long given() const { return outputs * (inputs() + bias); }
    long block(long index) const { return index * inputs() * kBlock; }

    // PyTorch's [output][channel][row][column] and bias, into blocks and back.
    void take(const float* from, float* to) const {
        for_each([&](long in_theirs, long in_ours) { to[in_ours] = from[in_theirs]; });
    }
    void give(const float* from, float* to) const {
        for_each([&](long in_theirs, long in_ours) { to[in_theirs] = from[in_ours]; });
    }

  private:
    template <typename Copy>
    void for_each(const Copy& copy) const {
        long at = 0;
        for (long o = 0; o < outputs; ++o) {
            const long to = block(o / kBlock) + o % kBlock;
            for (long c = 0; c < channels; ++c) {
                for (long p = 0; p < height * width; ++p)
                    copy(at++, to + (p * channels + c) * kBlock);
            }
        }
        for (long o = 0; bias && o < outputs; ++o) copy(at++, weights() + o);
    }
};

}  // namespace cnnkit
