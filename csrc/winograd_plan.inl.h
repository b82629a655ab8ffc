// Sizes and weights of winograd.inl.h, which says what they are for. After winograd_form.

namespace winograd {

constexpr int kGroup = 3;          // vectors of tiles in a group
constexpr long kAheadLeast = 384;  // floats of weights between prefetch and use
constexpr float kInputLimit =
    1152921504606846976.0f;                       // 2^60: beyond it the transforms could overflow
constexpr float kWeightLimit = 1099511627776.0f;  // 2^40
constexpr long kConvBytes = 1 << 20;  // of convolution rows that wait for their pool windows

struct Plan {
    Shape s;
    bool pooled;            // a tile's outputs are whole 2x2 pool windows, which end in registers
    long tiles_w;           // tiles in a row
    long groups;            // groups of tiles that share one pass over the weights
    long block;             // output channels whose products are held at once
    long v_plane, m_plane;  // floats from one k to the next, in one group
    long v_group, m_group;  // floats from one group to the next
    long strip;             // pooled rows that are worked on at once
    long conv_row;          // floats of a convolution row that waits
    long conv_rows;         // rows of a channel that wait
    long line;              // floats of a pool line
};

inline bool is_2x2_pool(const Shape& s) {
    return s.pool_kernel.h == 2 && s.pool_kernel.w == 2 && s.pool_stride.h == 2 &&
           s.pool_stride.w == 2 && s.pool_padding.h == 0 && s.pool_padding.w == 0;
}

// Convolution rows that pooled rows row0 <= row < row1 are made of.
inline long first_conv_row(const Shape& s, long row0) {
    return max(0, row0 * s.pool_stride.h - s.pool_padding.h);
}
inline long end_conv_row(const Shape& s, long row1) {
    return min(s.conv.h, (row1 - 1) * s.pool_stride.h - s.pool_padding.h + s.pool_kernel.h);
}

template <typename F>
Plan plan(const Shape& s) {
    Plan p;
    p.s = s;
    p.pooled = is_2x2_pool(s);
    const long columns = p.pooled ? 2 * s.output.w : s.conv.w;
    const long rows = p.pooled ? 2 * s.output.h : s.conv.h;
    p.tiles_w = (columns + F::kTileW - 1) / F::kTileW;
    const long tiles_h = (rows + F::kTileH - 1) / F::kTileH;
    const long width = kGroup * kLanes;
    // One vector beyond a multiple of the page size keeps the planes out of each other's cache
    // sets.
    p.v_plane = s.channels_in * width + kLanes;
    p.v_group = round_up(F::kPlanes * p.v_plane, kLanes);
    // Weights that live in the second-level cache may be read once per group. Larger ones are
    // shared by groups.
    const bool small = s.channels_in * s.channels_out * F::kPlanes * 4 <= (1 << 20) * 3 / 4;
    p.groups = small ? 1 : min((tiles_h * p.tiles_w + width - 1) / width, 6);
    p.block = min(s.channels_out, 64);
    p.m_plane = p.block * width + kLanes;
    p.m_group = round_up(F::kPlanes * p.m_plane, kLanes);
    p.strip = s.output.h;
    p.conv_row = p.conv_rows = p.line = 0;
    if (!p.pooled) {
        p.conv_row = p.tiles_w * F::kTileW;
        const long most = kConvBytes / (4 * s.channels_out * p.conv_row);  // rows
        p.strip = max(1, min(s.output.h, (most - s.pool_kernel.h) / s.pool_stride.h));
        p.conv_rows = min(tiles_h * F::kTileH,
                          (p.strip - 1) * s.pool_stride.h + s.pool_kernel.h + 2 * F::kTileH);
        p.line = pool::line_floats(s, round_up(s.conv.w, kLanes));
    }
    return p;
}

template <typename F>
long line_floats(const Plan& p) {  // outputs of one group, side by side
    return p.block * F::kTileH * F::kTileW * kGroup * kLanes;
}

template <typename F>
size_t workspace_bytes(const Shape& s) {
    const Plan p = plan<F>(s);
    return sizeof(float) * (p.groups * (p.v_group + p.m_group) + line_floats<F>(p) +
                            s.channels_out * p.conv_rows * p.conv_row + kLanes + p.line);
}

template <typename F>
size_t prepared_bytes(const Shape& s) {
    return sizeof(float) * (F::kPlanes * s.channels_in + 1) * s.channels_out;
}

// One input channel of a panel: w [kTaps^2] -> planes [kPlanes], `plane` floats apart, `width`
// channels each.
template <typename F>
inline void transform(const Doubles (&w)[F::kTaps][F::kTaps], long width, float* to, long plane) {
    Doubles half[F::kTaps][F::kRows];  // [column of w][row]
#pragma GCC unroll 8
    for (int x = 0; x < F::kTaps; ++x) {
        Doubles column[F::kTaps];
#pragma GCC unroll 8
        for (int i = 0; i < F::kTaps; ++i) column[i] = w[i][x];
        weights_1d(column, half[x]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < F::kRows; ++i) {
        Doubles row[F::kTaps], t[F::kColumns];
#pragma GCC unroll 8
        for (int x = 0; x < F::kTaps; ++x) row[x] = half[x][i];
        weights_1d(row, t);
#pragma GCC unroll 8
        for (int j = 0; j < F::kColumns; ++j, to += plane) {
            const Floats u = __builtin_convertvector(t[j], Floats);
            if (width == kPanel) {
                __builtin_memcpy(to, &u, sizeof u);
            } else {
                for (long co = 0; co < width; ++co) to[co] = u[co];
            }
        }
    }
}

// Taps of `inputs` (1 or 2) neighbouring input channels, kCount each, of `width` output channels
// that are `stride` apart -> [tap][input channel][kPanel]. Two of them fill a vector.
static_assert(kLanes == 2 * kPanel, "");
template <int kCount>
inline void gather_taps(const float* from, long stride, long width, long inputs,
                        float (*taps)[kLanes]) {
    for (int first = 0; first < kCount; first += kLanes) {
        const Mask some = mask_lanes(0, kCount - first);
        Vec r[kLanes];
        for (int i = 0; i < kLanes; ++i)
            r[i] = i % kPanel < width && i / kPanel < inputs
                       ? load_mask(from + i % kPanel * stride + i / kPanel * kCount + first, some)
                       : zero();
        transpose(r);
        for (int i = 0; i < kLanes; ++i) store(taps[first + i], r[i]);
    }
}

// weight [Cout][Cin][kTaps][kTaps], bias [Cout] or null -> U [k][panel][Cin][channels of the
// panel], bias; false where a weight is too large or not finite.
template <typename F>
bool prepare(const Shape& s, const float* weight, const float* bias, void* prepared) {
    constexpr int kCount = F::kTaps * F::kTaps;
    const long cin = s.channels_in, cout = s.channels_out;
    float* u = static_cast<float*>(prepared);
    Magnitude most = no_magnitude();
    for (long co = 0; co < cout; co += kPanel) {
        const long width = min(kPanel, cout - co);
        const float* from = weight + co * cin * kCount;
        for (long i = 0; i < width * cin * kCount; i += kLanes)
            most = magnitude(most, load_mask(from + i, mask_lanes(0, width * cin * kCount - i)));
        for (long ci = 0; ci < cin; ci += 2) {
            alignas(64) float taps[round_up(kCount, kLanes)][kLanes];
            gather_taps<kCount>(from + ci * kCount, cin * kCount, width, min(2, cin - ci), taps);
            for (long c = 0; c < min(2, cin - ci); ++c) {
                Doubles w[F::kTaps][F::kTaps];
#pragma GCC unroll 32
                for (int i = 0; i < kCount; ++i) {
                    Floats tap;
                    __builtin_memcpy(&tap, taps[i] + c * kPanel, sizeof tap);
                    w[i / F::kTaps][i % F::kTaps] = __builtin_convertvector(tap, Doubles);
                }
                transform<F>(w, width, u + co * cin + (ci + c) * width, cin * cout);
            }
        }
    }
    float* biases = u + F::kPlanes * cin * cout;
    bool tame = below(most, kWeightLimit);
    for (long co = 0; co < cout; ++co) {
        biases[co] = bias ? bias[co] : 0.0f;
        tame &= biases[co] < kInputLimit && biases[co] > -kInputLimit;
    }
    return tame;
}

}  // namespace winograd
