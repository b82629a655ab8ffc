// relu(conv + bias), then max-pool, stride 1 and many channels, NCHW in and out, by Winograd's
// algorithm (Lavin and Gray, arXiv:1509.09308) in the forms of transforms.inl.h. Any padding up
// to the kernel's size, any pool, any Cin, Cout and size that fits() takes.
//
// The tiles of the image are numbered row by row and the vector lanes are tiles. So neither side
// needs a transpose, no channel count is rounded up, and only the last vector of an image may be
// partly empty. A group is up to kGroup vectors of tiles:
//   V[k][Cin][tiles]   the transformed input, k = 0 .. kPlanes - 1
//   U[k][Cin][Cout]    the transformed weights, made once
//   M[k] = U[k]' V[k]  a matrix product, and what decides the inner order of V and U:
//                      gemm_simd.inl.h or gemm_amx.inl.h
// and the output transform, bias and, where the pool is 2x2, pool and ReLU follow in registers.
// Other pools take rows that wait in memory.

#include "conv/winograd/transforms.inl.h"
#include "conv/winograd/plan.inl.h"
#include "conv/winograd/pack_weights.inl.h"
#include "conv/winograd/pack_input.inl.h"
#include "conv/winograd/output.inl.h"
#include "conv/winograd/gemm_simd.inl.h"

namespace winograd {

// ---- convolution ----

struct Memory {
    float *v, *m, *lines, *conv, *line;
};

template <typename F, typename P>
Memory memory(const Plan& p, void* workspace) {
    Memory at;
    at.v = static_cast<float*>(workspace);
    at.m = at.v + p.groups * p.v_group;
    at.lines = at.m + p.groups * p.m_group;
    at.conv = at.lines + line_floats<F, P>(p);
    at.line = at.conv + p.s.channels_out * p.conv_rows * p.conv_row + kLanes;
    return at;
}

// Tile rows tile_row0 <= row < tile_row1 of one image to the sink, kH x kW values of a tile. False
// where the input holds NaN, Inf or anything from 2^20 up, or too little for P: nothing of use is
// stored then.
template <typename F, typename P, int kH, int kW>
bool convolve(const float* x, const float* prepared, const Plan& p, ptrdiff_t tile_row0,
              ptrdiff_t tile_row1, const Sink& sink, const Memory& at) {
    const ptrdiff_t cout = p.s.channels_out;
    const ptrdiff_t tiles = (tile_row1 - tile_row0) * p.tiles_w;
    const ptrdiff_t vectors = (tiles + kLanes - 1) / kLanes;
    const ptrdiff_t groups = (vectors + P::kGroup - 1) / P::kGroup;
    const float* bias = prepared + F::kPlanes * P::weight_floats(p.s);
    Magnitude most = last_rows<F>(x, p, tile_row1 * F::kTileH - p.s.padding.h, no_magnitude());

    // Vectors are dealt out evenly: group g holds vectors g * vectors / groups and following.
    const auto start = [=](ptrdiff_t g) { return g * vectors / groups; };
    for (ptrdiff_t g0 = 0; g0 < groups; g0 += p.groups) {
        const ptrdiff_t g1 = min(groups, g0 + p.groups);
        for (ptrdiff_t g = g0; g < g1; ++g) {
            Gather<F> from[P::kGroup];
            for (ptrdiff_t i = start(g); i < start(g + 1); ++i)
                gather<F>(p, tile_row0, i * kLanes, tiles, from[i - start(g)]);
            most = P::template put_input<F>(x, p, from, start(g + 1) - start(g),
                                            at.v + (g - g0) * p.v_group, most);
        }
        if (!in_range<P>(most, kInputLimit)) return false;
        for (ptrdiff_t co0 = 0; co0 < cout; co0 += p.block) {
            const ptrdiff_t co1 = min(cout, co0 + p.block);
            for (int k = 0; k < F::kPlanes; ++k)
                for (ptrdiff_t co = co0; co < co1; co += P::kRows)
                    for (ptrdiff_t g = g0; g < g1; ++g) {
                        const ptrdiff_t n = start(g + 1) - start(g);
                        P::multiply(
                            p.s, prepared, k, co, min(P::kRows, co1 - co), n,
                            at.v + (g - g0) * p.v_group + k * p.v_plane,
                            at.m + (g - g0) * p.m_group + k * p.m_plane + (co - co0) * n * kLanes);
                    }
            Sink to = sink;
            to.to += co0 * sink.channel;
            for (ptrdiff_t g = g0; g < g1; ++g)
                output_group<F, kH, kW>(at.m + (g - g0) * p.m_group, p, bias + co0, co1 - co0,
                                        (start(g + 1) - start(g)) * kLanes, start(g) * kLanes,
                                        min(tiles, start(g + 1) * kLanes), tile_row0, to, at.lines);
        }
    }
    return true;
}

// Pooled rows row0 .. row1 - 1 where the pool is 2x2.
template <typename F, typename P>
bool run_pooled(const Plan& p, const float* x, const float* prepared, float* y, ptrdiff_t row0,
                ptrdiff_t row1, const Memory& at) {
    constexpr int kH = F::kTileH / 2, kW = F::kTileW / 2;
    const Pair out = p.s.output;
    const Sink sink = {y, out.h * out.w, out.w, row0, row1, out.w};
    return convolve<F, P, kH, kW>(x, prepared, p, row0 / kH, (row1 + kH - 1) / kH, sink, at);
}

// ... and for any other pool: a strip's convolution rows wait until all are there.
template <typename F, typename P>
bool run_strips(const Plan& p, const float* x, const float* prepared, float* y, ptrdiff_t row0,
                ptrdiff_t row1, const Memory& at) {
    const PlainShape& s = p.s;
    const ptrdiff_t floats = round_up(s.conv.w, kLanes);
    for (ptrdiff_t top = row0; top < row1; top += p.strip) {
        const ptrdiff_t bottom = min(row1, top + p.strip);
        const ptrdiff_t tile_row0 = first_conv_row(s, top) / F::kTileH;
        const ptrdiff_t tile_row1 = (end_conv_row(s, bottom) + F::kTileH - 1) / F::kTileH;
        const ptrdiff_t conv_row0 = tile_row0 * F::kTileH, conv_row1 = tile_row1 * F::kTileH;
        const ptrdiff_t channel = (conv_row1 - conv_row0) * p.conv_row;
        // A row's last vector reads into the next row, and beyond the very last one.
        store(at.conv + s.channels_out * channel, zero());
        float* rows = at.conv - conv_row0 * p.conv_row;
        const Sink sink = {rows, channel, p.conv_row, conv_row0, conv_row1, p.conv_row};
        if (!convolve<F, P, F::kTileH, F::kTileW>(x, prepared, p, tile_row0, tile_row1, sink, at))
            return false;
        for (ptrdiff_t co = 0; co < s.channels_out; ++co)
            for (ptrdiff_t r = top; r < bottom; ++r) {
                const auto row = [&](ptrdiff_t i) { return rows + co * channel + i * p.conv_row; };
                pool::pool_row(s, row, floats, first_conv_row(s, r), end_conv_row(s, r + 1),
                               at.line, y + (co * s.output.h + r) * s.output.w);
            }
    }
    return true;
}

// ---- as an algorithm ----

template <typename F, typename P>
bool run(const ConvShape& s, const float* x, const void* prepared, float* y, unsigned char*,
         ptrdiff_t row0, ptrdiff_t row1, void* workspace, const float*) {
    const Plan p = plan<F, P>(s);
    if (most_runs(p.tiles_w) * F::kMore > kLanes) return false;
    const float* u = static_cast<const float*>(prepared);
    const Memory at = memory<F, P>(p, workspace);
    P::begin();
    const bool done = p.pooled ? run_pooled<F, P>(p, x, u, y, row0, row1, at)
                               : run_strips<F, P>(p, x, u, y, row0, row1, at);
    P::end();
    return done;
}

inline bool takes(const ConvShape& s, ptrdiff_t kernel) {
    return is_plain(s) && s.kernel.h == kernel && s.kernel.w == kernel && s.stride.h == 1 &&
           s.stride.w == 1 && s.padding.h < kernel && s.padding.w < kernel;
}
// Below 5 channels the transforms cost more than they save.
inline bool fits_some(const ConvShape& s, Precision) {
    return takes(s, 3) && min(s.channels_in, s.channels_out) >= 5;
}
inline bool fits_many(const ConvShape& s, Precision) {
    return takes(s, 3) && min(s.channels_in, s.channels_out) >= 16;
}
inline bool fits_fast(const ConvShape& s, Precision precision) {
    return fits_many(s, precision) && precision == Precision::kFast;
}
inline bool fits_5x5(const ConvShape& s, Precision) {
    return takes(s, 5) && min(s.channels_in, s.channels_out) >= 8;
}

template <typename F, typename P = VectorProduct>
constexpr ConvKernel algorithm(const char* name, bool (*fits)(const ConvShape&, Precision)) {
    return {name,     false, true, fits, prepared_bytes<F, P>, prepare<F, P>, workspace_bytes<F, P>,
            run<F, P>};
}
constexpr ConvKernel kFast = algorithm<Form<4, 4, 3>>("winograd-4x4", fits_fast);
constexpr ConvKernel kMany = algorithm<Form<4, 2, 3>>("winograd-4x2", fits_many);
constexpr ConvKernel kSome = algorithm<Form<2, 2, 3>>("winograd-2x2", fits_some);
constexpr ConvKernel k5x5 = algorithm<Form<2, 2, 5>>("winograd-5x5", fits_5x5);

}  // namespace winograd
