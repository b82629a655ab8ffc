// Dense 3x3 convolutions with stride 1 by Winograd's algorithm (Lavin and Gray, arXiv:1509.09308)
// in the forms of conv/winograd/transforms.inl.h. The vector lanes are channels:
//   V[plane][tile][C_in]   the transformed input of some tiles
//   U[block of C_out][plane][C_in][C_out of the block]  the transformed weights, made once
//   M[plane] = V[plane] U[plane], and bias, residual and activation after the output transform.

namespace fast {
namespace by_winograd {

using winograd::Doubles;
using winograd::Floats;
using winograd::kPanel;

// Of inputs and weights. A tile's sums are rounded in proportion to its largest value, those of
// pixels that do not see it as well: a marker of 1e20 in one pixel would spoil its neighbours.
constexpr float kLimit = 0x1p20f;
constexpr ptrdiff_t kBudget = 24576;         // floats of V and M
constexpr ptrdiff_t kFarBudget = 384 << 10;  // where U is beyond the second cache, which keeps them
constexpr ptrdiff_t kNear = ptrdiff_t{1} << 18;  // floats of U that it keeps

template <typename F>
struct Plan {
    ptrdiff_t tiles_w, tiles;  // of an image
    ptrdiff_t group;           // tiles that are transformed together
    ptrdiff_t width;           // floats of a tile of M: whole vectors
    explicit Plan(const Conv& c) {
        tiles_w = (c.out_w + F::kTileW - 1) / F::kTileW;
        tiles = tiles_w * ((c.out_h + F::kTileH - 1) / F::kTileH);
        width = round_up(c.out_c, kLanes);
        const ptrdiff_t most = most_pixels(kVecs);
        const ptrdiff_t fit = kBudget / (F::kPlanes * (c.in_c + width)) / most * most;
        group = min(tiles, max(2 * most, fit));
        // Each group reads the weights anew.
        if (F::kPlanes * c.in_c * width > kNear)
            group = min(tiles, max(group, kFarBudget / (F::kPlanes * (c.in_c + width))));
        const ptrdiff_t groups = (tiles + group - 1) / group;
        group = (tiles + groups - 1) / groups;
    }
    ptrdiff_t v_plane(const Conv& c) const { return group * c.in_c; }
    ptrdiff_t m_plane() const { return group * width; }
};

// Products of one input and one output channel.
template <typename F>
ptrdiff_t products(const Conv& c) {
    return F::kPlanes * Plan<F>(c).tiles;
}

// What a step takes, in products. A channel of a tile and plane takes some to be transformed; and
// weights that the second cache does not keep are waited for, mostly in vain where tiles are few.
constexpr double kTransform = 14, kFar = 9.2;  // products in the time of one float
inline double direct_cost(const Conv& c) {
    const double each = static_cast<double>(c.in_c) * round_up(c.out_c, kLanes);
    const double far = 9 * each - kNear;
    return 9 * each * c.out_h * c.out_w + (far > 0 ? kFar * far : 0);
}
template <typename F>
double cost(const Conv& c) {
    const double in = c.in_c, out = static_cast<double>(round_up(c.out_c, kLanes));
    const double far = F::kPlanes * in * out - kNear;
    return static_cast<double>(products<F>(c)) * (in * out + kTransform * (in + out)) +
           (far > 0 ? kFar * far : 0);
}

// The cheapest form is taken, if it is cheaper than a direct convolution.
template <typename F>
bool pays(const Conv& c) {
    using winograd::Form;
    const ptrdiff_t made =
        Plan<F>(c).tiles * F::kTileH * F::kTileW;  // those outside the image included
    if (kLanes < 16)
        return made * 2 <= ptrdiff_t{3} * c.out_h * c.out_w &&
               products<F>(c) <= products<Form<4, 2, 3>>(c);
    return cost<F>(c) <= cost<Form<4, 4, 3>>(c) && cost<F>(c) <= cost<Form<4, 2, 3>>(c) &&
           cost<F>(c) <= cost<Form<2, 2, 3>>(c) && cost<F>(c) < direct_cost(c);
}

template <typename F>
bool fits(const void* fields) {
    const Conv& c = conv_of(fields);
    const bool shape = c.kernel_h == 3 && c.kernel_w == 3 && c.stride_h == 1 && c.stride_w == 1 &&
                       c.dilation_h == 1 && c.dilation_w == 1 && c.groups == 1;
    return shape && is_whole(c.in_c) && c.in_c >= 16 && c.out_c >= 16 && pays<F>(c);
}

template <typename F>
ptrdiff_t prepared_floats(const void* fields) {
    const Conv& c = conv_of(fields);
    return (F::kPlanes * static_cast<ptrdiff_t>(c.in_c) + 1) * round_up(c.out_c, kLanes);
}

// The bias, then U.
template <typename F>
bool prepare(const void* fields, const float* weight, const float* bias, float* to) {
    const Conv& c = conv_of(fields);
    const ptrdiff_t all = round_up(c.out_c, kLanes), given = round_up(c.out_c, 8);
    for (ptrdiff_t o = 0; o < all; ++o) to[o] = o < c.out_c ? bias[o] : 0.0f;
    float* u = to + all;
    auto in_range = Floats{} == Floats{};
    for (ptrdiff_t first = 0; first < c.out_c; first += kBlock) {
        const ptrdiff_t width = block_width(c.out_c, first);
        for (ptrdiff_t i = 0; i < c.in_c; ++i) {
            for (ptrdiff_t o = first; o < first + width; o += kPanel) {
                Doubles rows[3][F::kColumns], planes[F::kRows];
                for (ptrdiff_t row = 0; row < 3; ++row) {
                    Doubles taps[3] = {};
                    for (ptrdiff_t column = 0; column < 3 && o < given; ++column) {
                        Floats values;
                        __builtin_memcpy(&values,
                                         packed_at(c, weight, c.in_c, row * 3 + column, i, o),
                                         sizeof values);
                        in_range &= (values < kLimit) & (values > -kLimit);
                        taps[column] = __builtin_convertvector(values, Doubles);
                    }
                    winograd::weights_1d(taps, rows[row]);
                }
                const ptrdiff_t inside = min(kPanel, first + width - o);
                float* to_plane = u + F::kPlanes * first * c.in_c + i * width + o - first;
                for (ptrdiff_t column = 0; column < F::kColumns; ++column) {
                    const Doubles taps[3] = {rows[0][column], rows[1][column], rows[2][column]};
                    winograd::weights_1d(taps, planes);
                    for (ptrdiff_t row = 0; row < F::kRows; ++row) {
                        const Floats values = __builtin_convertvector(planes[row], Floats);
                        float* place = to_plane + (row * F::kColumns + column) * c.in_c * width;
                        if (inside == kPanel) {
                            __builtin_memcpy(place, &values, sizeof values);
                        } else {
                            for (ptrdiff_t k = 0; k < inside; ++k) place[k] = values[k];
                        }
                    }
                }
            }
        }
    }
    for (int k = 0; k < kPanel; ++k)
        if (!in_range[k]) return false;
    return true;
}

template <typename F>
ptrdiff_t patch_floats(const Conv& c) {
    return F::kPlanes * static_cast<ptrdiff_t>(c.in_c);
}

template <typename F>
ptrdiff_t workspace_floats(const void* fields) {
    const Conv& c = conv_of(fields);
    const Plan<F> p(c);
    return F::kPlanes * (p.v_plane(c) + p.m_plane()) + patch_floats<F>(c);
}

// Whether Winograd's sums of these inputs stay finite, and what is not finite stays where it is.
inline bool in_range(const float* x, ptrdiff_t floats) {
    Magnitude most = no_magnitude();
    ptrdiff_t i = 0;
    for (; i + kLanes <= floats; i += kLanes) most = magnitude(most, load(x + i));
    for (; i < floats; ++i) most = magnitude(most, set1(x[i]));
    return below(most, kLimit);
}

// Whether parts are blocks of output channels, not rows of tiles: where tiles are so few that the
// products of a part of them would wait for one another.
constexpr ptrdiff_t kFewTiles = 4;
template <typename F>
bool by_blocks(const Conv& c) {
    return Plan<F>(c).tiles <= kFewTiles && c.out_c > kBlock;
}
template <typename F>
ptrdiff_t parts(const void* fields) {
    const Conv& c = conv_of(fields);
    if (by_blocks<F>(c)) return (c.out_c + kBlock - 1) / kBlock;
    return (c.out_h + F::kTileH - 1) / F::kTileH;
}

// Whether values are in range that belong to the parts from `first` to `end`, rows of tiles: the
// rows of x that begin there; those after the last tiles belong to these.
inline bool rows_in_range(const Conv& c, const float* x, ptrdiff_t tile, ptrdiff_t first,
                          ptrdiff_t end, ptrdiff_t parts) {
    const ptrdiff_t row = static_cast<ptrdiff_t>(c.in_w) * c.in_c, top = min(c.in_h, first * tile);
    const ptrdiff_t bottom = end == parts ? c.in_h : min(c.in_h, end * tile);
    return in_range(x + top * row, (bottom - top) * row);
}
template <typename F>
bool accepts(const void* fields, const float* x, ptrdiff_t first, ptrdiff_t end) {
    const Conv& c = conv_of(fields);
    if (by_blocks<F>(c)) return rows_in_range(c, x, c.in_h, 0, 1, 1);
    return rows_in_range(c, x, F::kTileH, first, end, parts<F>(fields));
}

// Pixels of y and of the residual lie y_pixel floats apart.
template <typename F>
void convolve(const void* fields, const float* prepared, const float* x, const float* residual,
              float* y, ptrdiff_t y_pixel, float* workspace, ptrdiff_t first, ptrdiff_t end) {
    const Conv& c = conv_of(fields);
    const Plan<F> p(c);
    const bool blocks = by_blocks<F>(c);
    const ptrdiff_t tile0 = blocks ? 0 : first * p.tiles_w,
                    last = blocks ? p.tiles : end * p.tiles_w;
    const ptrdiff_t block0 = blocks ? first * kBlock : 0;
    const ptrdiff_t block1 = blocks ? min(end * kBlock, c.out_c) : c.out_c;
    const ptrdiff_t v_plane = p.v_plane(c), m_plane = p.m_plane(), in = c.in_c;
    float *v = workspace, *m = v + F::kPlanes * v_plane, *patch = m + F::kPlanes * m_plane;
    const float* u = prepared + p.width;
    const bool far = F::kPlanes * in * p.width > kNearWeights;
    for (ptrdiff_t start = tile0; start < last; start += p.group) {
        const ptrdiff_t count = min(p.group, last - start);
        for (ptrdiff_t t = 0; t < count; ++t) {
            const ptrdiff_t tile = start + t, top = tile / p.tiles_w * F::kTileH - c.pad_h;
            const ptrdiff_t left = tile % p.tiles_w * F::kTileW - c.pad_w;
            const Inside inside = {-top, c.in_h - top, -left, c.in_w - left};
            const ptrdiff_t row = c.in_w * in;
            if (inside.top <= 0 && inside.left <= 0 && inside.bottom >= F::kRows &&
                inside.right >= F::kColumns) {
                transform_input<F, false>(x + top * row + left * in, row, inside, in, v + t * in,
                                          v_plane);
            } else if constexpr (kMasks) {
                transform_input<F, true>(x + top * row + left * in, row, inside, in, v + t * in,
                                         v_plane);
            } else {
                gather<F>(c, x, top, left, patch);
                transform_input<F, false>(patch, F::kColumns * in, inside, in, v + t * in, v_plane);
            }
        }
        for (ptrdiff_t o = block0; o < block1; o += kBlock) {
            const ptrdiff_t width = block_width(c.out_c, o);
            const int vecs = static_cast<int>(width / kLanes);
            const Shares shares = share(count, vecs);
            const TileKernels *larger = &kTiles[vecs - 1][shares.size], *kernels = larger - 1;
            const ptrdiff_t done = shares.larger * (shares.size + 1);
            const float* w = u + F::kPlanes * o * in;
            for (ptrdiff_t k = 0; k < F::kPlanes; ++k, w += in * width) {
                const float* from = v + k * v_plane;
                float* to = m + k * m_plane + o;
                Ahead ahead = ahead_of(w + in * width, width, shares.larger + shares.count, far);
                if (done) larger->products(from, in, w, in, to, p.width, shares.larger, ahead);
                ahead.from += shares.larger * in * ahead.step;
                kernels->products(from + done * in, in, w, in, to + done * p.width, p.width,
                                  shares.count, ahead);
            }
        }
        for (ptrdiff_t t = 0; t < count; ++t) {
            const ptrdiff_t tile = start + t, oy = tile / p.tiles_w * F::kTileH;
            const ptrdiff_t ox = tile % p.tiles_w * F::kTileW;
            const ptrdiff_t at = (oy * c.out_w + ox) * y_pixel + block0;
            const Outputs to = {prepared + block0,
                                residual ? residual + at : nullptr,
                                y + at,
                                c.out_h - oy,
                                c.out_w - ox,
                                c.out_w * y_pixel,
                                y_pixel,
                                block1 - block0,
                                limits_of(c)};
            if (to.rows >= F::kTileH && to.columns >= F::kTileW) {
                transform_output<F, true>(m + t * p.width + block0, m_plane, to);
            } else {
                transform_output<F, false>(m + t * p.width + block0, m_plane, to);
            }
        }
    }
}

template <typename F>
void run(const void* fields, const float* prepared, const float* x, const float* residual, float* y,
         float* workspace, ptrdiff_t first, ptrdiff_t end) {
    const ptrdiff_t out = conv_of(fields).out_c;
    convolve<F>(fields, prepared, x, residual, y, out, workspace, first, end);
}
template <typename F>
void run_apart(const void* fields, const float* prepared, const float* x, float* y,
               ptrdiff_t y_pixel, float* workspace, ptrdiff_t first, ptrdiff_t end) {
    convolve<F>(fields, prepared, x, nullptr, y, y_pixel, workspace, first, end);
}

template <typename F>
constexpr ProgramAlgorithm algorithm(const char* name) {
    return {
        name,       "conv", fits<F>, prepared_floats<F>, prepare<F>, workspace_floats<F>, parts<F>,
        accepts<F>, run<F>, nullptr, run_apart<F>};
}
constexpr ProgramAlgorithm k4x4 = algorithm<winograd::Form<4, 4, 3>>("winograd-4x4");
constexpr ProgramAlgorithm k4x2 = algorithm<winograd::Form<4, 2, 3>>("winograd-4x2");
constexpr ProgramAlgorithm k2x2 = algorithm<winograd::Form<2, 2, 3>>("winograd-2x2");

}  // namespace by_winograd
}  // namespace fast
