// conv 3x3, stride 1, padding 1 → ReLU → 2x2 max-pool for few input channels, by Winograd's
// F(2x2, 3x3) (Lavin and Gray, arXiv:1509.09308): the four outputs of a tile are exactly one pool
// window.
//
// The lanes are tiles, so that no channel count is rounded up and a vector of results is stored as
// it is. Every input row is split into even and odd columns and transformed along x once, into
// planes[Cin][row parity][column of V][tile row][pitch]. A tile's four rows are then two planes
// here and two a pitch further on; their transform along y stays in registers.
//
// Along y and along x alike, V is numbered so that the output transform is only additions,
//     t0 = (M1 + M2) + M0,    t1 = (M1 - M2) + M3,    M3 = w3 (b - d) with its sign turned,
// and sums over the input channels that come last may start from what came first.

#include "conv/winograd_f2x2/plan.inl.h"
#include "conv/winograd_f2x2/input.inl.h"
#include "conv/winograd_f2x2/output.inl.h"
#include "conv/winograd_f2x2/multi_channel.inl.h"
#include "conv/winograd_f2x2/single_channel_gemm.inl.h"
#include "conv/winograd_f2x2/single_channel.inl.h"

namespace winograd_f2x2 {

inline bool run(const ConvShape& s, const float* x, const void* prepared, float* y,
                unsigned char* indices, ptrdiff_t row0, ptrdiff_t row1, void* workspace,
                const float*) {
    if (s.channels_in == 1)
        return single_channel::run(s, x, prepared, y, indices, row0, row1, workspace);
    const Plan p = plan(s, row1 - row0);
    float* planes = static_cast<float*>(workspace);
    const float* biases = static_cast<const float*>(prepared);
    clear_ends(s, p, planes);
    for (ptrdiff_t top = row0; top < row1; top += p.strip) {
        const ptrdiff_t bottom = min(row1, top + p.strip);
        if (!below(input(s, p, x, top, bottom, planes), kInputLimit)) return false;
        const Output out = {y + top * p.tiles, indices ? indices + top * p.tiles : nullptr,
                            s.output.h * s.output.w, bottom - top};
        many_channels(s, p, planes, biases, out);
    }
    return true;
}

inline size_t workspace_needed(const ConvShape& s) {
    return s.channels_in == 1 ? single_channel::workspace_bytes(s) : workspace_bytes(s);
}

constexpr ConvKernel kConvKernel = {"winograd-small", true, true, fits, prepared_bytes, prepare,
                                    workspace_needed, run};

}  // namespace winograd_f2x2
