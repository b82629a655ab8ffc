// Sizes and weights of conv.inl.h, which says what they are for. After transforms.inl.h.

namespace winograd {

// A tile's sums are rounded in proportion to its largest value, those of pixels that do not see it
// as well: a marker of 1e12 in one pixel would spoil its neighbours.
constexpr float kInputLimit = 0x1p20f;
constexpr float kWeightLimit = 0x1p40f;    // with it, the transforms cannot overflow
constexpr ptrdiff_t kConvBytes = 1 << 20;  // of convolution rows that wait for their pool windows

struct Plan {
    PlainShape s;
    bool pooled;        // a tile's outputs are whole 2x2 pool windows, which end in registers
    ptrdiff_t tiles_w;  // tiles in a row
    ptrdiff_t groups;   // groups of tiles that share one pass over the weights
    ptrdiff_t block;    // output channels whose products are held at once
    ptrdiff_t v_plane, m_plane;  // floats from one k to the next, in one group
    ptrdiff_t v_group, m_group;  // floats from one group to the next
    ptrdiff_t strip;             // pooled rows that are worked on at once
    ptrdiff_t conv_row;          // floats of a convolution row that waits
    ptrdiff_t conv_rows;         // rows of a channel that wait
    ptrdiff_t line;              // floats of a pool line
};

inline bool is_2x2_pool(const PlainShape& s) {
    return s.pool_kernel.h == 2 && s.pool_kernel.w == 2 && s.pool_stride.h == 2 &&
           s.pool_stride.w == 2 && s.pool_padding.h == 0 && s.pool_padding.w == 0;
}

// Convolution rows that pooled rows row0 <= row < row1 are made of.
inline ptrdiff_t first_conv_row(const PlainShape& s, ptrdiff_t row0) {
    return max(0, row0 * s.pool_stride.h - s.pool_padding.h);
}
inline ptrdiff_t end_conv_row(const PlainShape& s, ptrdiff_t row1) {
    return min(s.conv.h, (row1 - 1) * s.pool_stride.h - s.pool_padding.h + s.pool_kernel.h);
}

// P is the product that M is computed with: gemm_simd.inl.h's or gemm_amx.inl.h's.
template <typename F, typename P>
Plan plan(const PlainShape& s) {
    Plan p;
    p.s = s;
    p.pooled = is_2x2_pool(s);
    const ptrdiff_t columns = p.pooled ? 2 * s.output.w : s.conv.w;
    const ptrdiff_t rows = p.pooled ? 2 * s.output.h : s.conv.h;
    p.tiles_w = (columns + F::kTileW - 1) / F::kTileW;
    const ptrdiff_t tiles_h = (rows + F::kTileH - 1) / F::kTileH;
    const ptrdiff_t width = P::kGroup * kLanes;
    // One vector beyond a multiple of the page size keeps the planes out of each other's cache
    // sets.
    p.v_plane = P::input_floats(s) + kLanes;
    p.v_group = round_up(F::kPlanes * p.v_plane, kLanes);
    // Weights of about the second-level cache's size are read once per group: what several groups
    // make would push each other out of it. Larger weights are shared by groups.
    const bool small = F::kPlanes * P::weight_floats(s) * 4 <= (5 << 20) / 2;
    p.groups = small ? 1 : min((tiles_h * p.tiles_w + width - 1) / width, 4);
    p.block = min(s.channels_out, 256);
    p.m_plane = round_up(p.block, P::kRowsAtLeast) * width + kLanes;
    p.m_group = round_up(F::kPlanes * p.m_plane, kLanes);
    p.strip = s.output.h;
    p.conv_row = p.conv_rows = p.line = 0;
    if (!p.pooled) {
        p.conv_row = p.tiles_w * F::kTileW;
        const ptrdiff_t most = kConvBytes / (4 * s.channels_out * p.conv_row);  // rows
        p.strip = max(1, min(s.output.h, (most - s.pool_kernel.h) / s.pool_stride.h));
        p.conv_rows = min(tiles_h * F::kTileH,
                          (p.strip - 1) * s.pool_stride.h + s.pool_kernel.h + 2 * F::kTileH);
        p.line = pool::line_floats(s, round_up(s.conv.w, kLanes));
    }
    return p;
}

template <typename F, typename P>
ptrdiff_t line_floats(const Plan& p) {  // outputs of one group, side by side
    return p.block * F::kTileH * F::kTileW * P::kGroup * kLanes;
}

template <typename F, typename P>
size_t workspace_bytes(const ConvShape& s) {
    const Plan p = plan<F, P>(s);
    return sizeof(float) * (p.groups * (p.v_group + p.m_group) + line_floats<F, P>(p) +
                            s.channels_out * p.conv_rows * p.conv_row + kLanes + p.line);
}

template <typename F, typename P>
size_t prepared_bytes(const ConvShape& s) {
    return sizeof(float) * (F::kPlanes * P::weight_floats(s) + s.channels_out);
}

}  // namespace winograd
