// 3x3 convolutions with stride 1 by Winograd's F(4x4, 3x3) in integers, with the same sums as
// without it. Its transforms have fractions of 24 on either side; times 24 the weights are whole
// numbers, and the sums 576 times what they should be. What adds up to more than 32 bits on the way
// there is cut off and does not matter: 576 is 64 * 9, a product by 9's inverse modulo 2^32 takes
// the 9 away, a shift the 64, if the sum itself has 26 bits, which `prepare` checks.
//   V[plane][tile][C_in]   the transformed input, words of 16 bits: at most 68 * 255
//   U[plane][C_in][C_out]  the transformed weights, likewise: at most 144 * 128
//   M[plane] = V[plane] U[plane]     for a block of output channels

namespace fast {
namespace by_winograd {

constexpr int kTile = 4, kRows = 6, kPlanes = 36;
// Fewer are faster directly, as measured; with sums of four products in one instruction, more so.
constexpr int kLeastInputs = kChains > 1 ? 24 : 12;
// Transforms are additions. Where two units take whole vectors of 64 bytes, those cost as much as
// products, and direct sums are faster; halves of such vectors have four units for additions, and
// two for products.
inline bool pays() { return kBytes < 64 || avx512_is_halved(); }
constexpr int kInverseOf9 = 954437177;
// Bytes of V and a block of M, and tiles that are multiplied together, at least; as measured.
constexpr ptrdiff_t kBudget = kRegisters == 32 ? 36864 : 98304, kAtOnce = kRegisters == 32 ? 4 : 6;
constexpr double kMostSum = 33000000.0;

struct Plan {
    ptrdiff_t tiles_w, tiles;  // of an image
    ptrdiff_t group;           // tiles that are transformed together
    ptrdiff_t inputs, width;   // of V and M, whole vectors
    explicit Plan(const Conv& c) {
        tiles_w = (c.out_w + kTile - 1) / kTile;
        tiles = tiles_w * ((c.out_h + kTile - 1) / kTile);
        inputs = round_up(c.in_c, kWords);
        width = 0;
        for (ptrdiff_t o = 0; o < c.out_c; o += kBlock) width += vecs_of(c.out_c - o) * kSums;
        const ptrdiff_t fit = kBudget / (kPlanes * (2 * inputs + 4 * kBlock)) / kAtOnce * kAtOnce;
        group = min(tiles, max(kAtOnce, fit));
    }
    ptrdiff_t pairs(const Conv& c) const { return (c.in_c + 1) / 2; }
    // Bytes, an odd number of lines, as planes would share a few sets of the nearest cache else.
    ptrdiff_t v_plane() const { return round_up(2 * group * inputs, 64) | 64; }
    ptrdiff_t m_plane() const { return round_up(4 * group * kBlock, 64) | 64; }
};

inline bool fits(const void* fields) {
    const Conv& c = as<Conv>(fields);
    const Plan p(c);
    const bool shape = c.kernel_h == 3 && c.kernel_w == 3 && c.stride_h == 1 && c.stride_w == 1 &&
                       c.dilation_h == 1 && c.dilation_w == 1 && c.groups == 1;
    return shape && pays() && c.in_c >= kLeastInputs && c.out_c >= 8 &&
           p.inputs <= ptrdiff_t{2} * c.in_c &&
           p.tiles * kTile * kTile * 2 <= ptrdiff_t{3} * c.out_h * c.out_w;
}

inline ptrdiff_t prepared_bytes(const void* fields) {
    const Conv& c = as<Conv>(fields);
    const Plan p(c);
    return p.width * (8 + 4 * kPlanes * p.pairs(c)) + kByteSlack;
}

// 24 G: six numbers of three; the last one is multiplied by 3 in the output's transform.
inline void weights_1d(const int (&g)[3], int (&to)[kRows]) {
    to[0] = 6 * g[0];
    to[1] = -4 * (g[0] + g[1] + g[2]);
    to[2] = -4 * (g[0] - g[1] + g[2]);
    to[3] = g[0] + 2 * g[1] + 4 * g[2];
    to[4] = g[0] - 2 * g[1] + 4 * g[2];
    to[5] = 8 * g[2];
}
inline void weights_2d(const int8_t* w, ptrdiff_t step, int (&planes)[kRows][kRows]) {
    int rows[3][kRows];
    for (int r = 0; r < 3; ++r) {
        const int g[3] = {w[3 * r * step], w[(3 * r + 1) * step], w[(3 * r + 2) * step]};
        weights_1d(g, rows[r]);
    }
    for (int j = 0; j < kRows; ++j) {
        const int g[3] = {rows[0][j], rows[1][j], rows[2][j]};
        int column[kRows];
        weights_1d(g, column);
        for (int i = 0; i < kRows; ++i) planes[i][j] = column[i];
    }
}

// Bias, factor, then U in blocks of output channels, as tiles.inl.h reads them.
inline bool prepare(const void* fields, const void* const* in, void* prepared) {
    const Conv& c = as<Conv>(fields);
    const Plan p(c);
    const Parameters from(in);
    const ptrdiff_t count = ptrdiff_t{9} * c.in_c, row = (count + 3) / 4 * 4, pairs = p.pairs(c);
    auto* bias = static_cast<int32_t*>(prepared);
    auto* factor = static_cast<float*>(prepared) + p.width;
    auto* u = static_cast<int16_t*>(prepared) + 4 * p.width;
    for (ptrdiff_t i = 0; i < kPlanes * pairs * 2 * p.width; ++i) u[i] = 0;
    for (ptrdiff_t first = 0; first < c.out_c; first += kBlock) {
        const int vecs = vecs_of(c.out_c - first);
        const ptrdiff_t width = vecs * kSums;
        for (ptrdiff_t at = 0; at < width; ++at) {
            const ptrdiff_t o = first + channel_of(vecs, static_cast<int>(at / kSums), at % kSums);
            bias[first + at] = 0, factor[first + at] = 0.0f;
            if (o >= c.out_c) continue;
            const int8_t* w = from.weight + o * row;
            ptrdiff_t size = 0;
            for (ptrdiff_t k = 0; k < count; ++k) size += w[k] < 0 ? -w[k] : w[k];
            if (!sums_fit(size, from.bias[o], from.factor[o]) || 255.0 * size > kMostSum)
                return false;
            bias[first + at] = from.bias[o], factor[first + at] = from.factor[o];
            for (ptrdiff_t i = 0; i < c.in_c; ++i) {
                int planes[kRows][kRows];
                weights_2d(w + i, c.in_c, planes);
                for (ptrdiff_t k = 0; k < kPlanes; ++k) {
                    const ptrdiff_t block = kPlanes * pairs * first + k * pairs * width;
                    u[2 * (block + i / 2 * width + at) + i % 2] =
                        static_cast<int16_t>(planes[k / kRows][k % kRows]);
                }
            }
        }
    }
    return true;
}

inline ptrdiff_t workspace_bytes(const void* fields) {
    const Plan p(as<Conv>(fields));
    return kPlanes * (p.v_plane() + p.m_plane()) + 64 +
           kPlanes * static_cast<ptrdiff_t>(as<Conv>(fields).in_c) + kByteSlack;
}

// What a tile reads, with bytes for zero outside the image; returns its row's bytes.
inline ptrdiff_t gather(const Conv& c, const uint8_t* x, ptrdiff_t top, ptrdiff_t left,
                        uint8_t* patch, const uint8_t** from) {
    const ptrdiff_t row = static_cast<ptrdiff_t>(c.in_w) * c.in_c;
    if (top >= 0 && left >= 0 && top + kRows <= c.in_h && left + kRows <= c.in_w) {
        *from = x + top * row + left * c.in_c;
        return row;
    }
    const ptrdiff_t bytes = static_cast<ptrdiff_t>(kRows) * c.in_c;
    const ptrdiff_t first = max(0, -left), end = min(kRows, c.in_w - left);
    for (ptrdiff_t r = 0; r < kRows; ++r) {
        uint8_t* to = patch + r * bytes;
        const bool inside = top + r >= 0 && top + r < c.in_h && end > first;
        if (!inside || end - first < kRows) __builtin_memset(to, c.zero, bytes);
        if (!inside) continue;
        __builtin_memcpy(to + first * c.in_c, x + (top + r) * row + (left + first) * c.in_c,
                         (end - first) * c.in_c);
    }
    *from = patch;
    return bytes;
}

// B' d.
inline void input_1d(const Words (&d)[kRows], Words (&to)[kRows]) {
    const Words a = sub_words(d[4], left_words<2>(d[2]));  // d4 - 4 d2
    const Words b = sub_words(d[3], left_words<2>(d[1]));
    const Words e = sub_words(d[4], d[2]), half = sub_words(d[3], d[1]);
    const Words f = add_words(half, half);
    to[0] = add_words(left_words<2>(sub_words(d[0], d[2])), e);
    to[1] = add_words(a, b);
    to[2] = sub_words(a, b);
    to[3] = add_words(e, f);
    to[4] = sub_words(e, f);
    to[5] = sub_words(sub_words(d[5], d[3]), left_words<2>(half));
}

inline void transform_input(const uint8_t* x, ptrdiff_t row, ptrdiff_t channels, uint8_t* v,
                            ptrdiff_t plane) {
    for (ptrdiff_t at = 0; at < channels; at += kWords) {
        Words columns[kRows][kRows];
        const uint8_t* first = x + at;
#pragma GCC unroll 6
        for (int j = 0; j < kRows; ++j, first = next(first, channels)) {
            Words d[kRows];
            const uint8_t* from = first;
#pragma GCC unroll 6
            for (int i = 0; i < kRows; ++i, from = next(from, row)) d[i] = load_words(from);
            input_1d(d, columns[j]);
        }
        uint8_t* to = v + 2 * at;
#pragma GCC unroll 6
        for (int i = 0; i < kRows; ++i) {
            Words d[kRows], t[kRows];
#pragma GCC unroll 6
            for (int j = 0; j < kRows; ++j) d[j] = columns[j][i];
            input_1d(d, t);
#pragma GCC unroll 6
            for (int j = 0; j < kRows; ++j, to = next(to, plane)) store(to, t[j]);
        }
    }
}

// A' m.
inline void output_1d(const Sums (&m)[kRows], Sums (&to)[kTile]) {
    const Sums a = add(m[1], m[2]), b = sub(m[1], m[2]);
    const Sums e = add(m[3], m[4]), f = sub(m[3], m[4]);
    to[0] = add(add(m[0], a), e);
    const Sums f2 = add(f, f);
    to[1] = add(b, f2);
    to[2] = add(a, left<2>(e));
    to[3] = add(add(b, left<2>(f2)), add(m[5], add(m[5], m[5])));
}

// A block of channels of a tile, of which `rows` x `columns` are in the image.
template <int vecs>
void transform_output(const int32_t* m, ptrdiff_t plane, const int32_t* bias, const float* factor,
                      const Conv& c, uint8_t* y, ptrdiff_t rows, ptrdiff_t columns,
                      ptrdiff_t channels) {
    Sums all[kTile][kTile][vecs];
    const Sums inverse = set1(kInverseOf9);
#pragma GCC unroll 4
    for (int v = 0; v < vecs; ++v) {
        Sums half[kRows][kTile];
        const int32_t* from = m + v * kSums;
#pragma GCC unroll 6
        for (int i = 0; i < kRows; ++i) {
            Sums d[kRows];
#pragma GCC unroll 6
            for (int j = 0; j < kRows; ++j, from = next(from, plane)) d[j] = load_sums(from);
            output_1d(d, half[i]);
        }
        const Sums first = load_sums(bias + v * kSums);
#pragma GCC unroll 4
        for (int j = 0; j < kTile; ++j) {
            Sums d[kRows], t[kTile];
#pragma GCC unroll 6
            for (int i = 0; i < kRows; ++i) d[i] = half[i][j];
            output_1d(d, t);
#pragma GCC unroll 4
            for (int i = 0; i < kTile; ++i) all[i][j][v] = add(right<6>(mul(t[i], inverse)), first);
        }
    }
    for (ptrdiff_t i = 0; i < rows; ++i, y += static_cast<ptrdiff_t>(c.out_w) * c.out_c) {
        if (columns == kTile) {
            store_pixels(y, c.out_c, all[i], factor, c.zero_y, channels);
            continue;
        }
        for (ptrdiff_t j = 0; j < columns; ++j) {
            Sums one[1][vecs];
            for (int v = 0; v < vecs; ++v) one[0][v] = all[i][j][v];
            store_pixels(y + j * c.out_c, c.out_c, one, factor, c.zero_y, channels);
        }
    }
}

// Sums of products of some tiles, `pixels` at a time.
template <int pixels, int vecs>
void products(const uint8_t* x, ptrdiff_t x_pixel, const uint8_t* w, ptrdiff_t span, int32_t* y,
              ptrdiff_t y_pixel, ptrdiff_t count) {
    for (; count > 0; --count, x += pixels * x_pixel, y += pixels * y_pixel) {
        Sums sum[pixels][vecs];
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 4
            for (int v = 0; v < vecs; ++v) sum[p][v] = zero();
        }
        add_run<Pairs>(x, x_pixel, w, span, sum);
#pragma GCC unroll 16
        for (int p = 0; p < pixels; ++p) {
#pragma GCC unroll 4
            for (int v = 0; v < vecs; ++v) store(y + p * y_pixel + v * kSums, sum[p][v]);
        }
    }
}
using Products = decltype(&products<1, 1>);
template <int pixels, int vecs>
constexpr Products products_of() {
    if constexpr (pixels <= most_pixels(vecs)) return products<pixels, vecs>;
    return nullptr;
}
template <int vecs>
constexpr Products kProducts[16] = {
    products_of<1, vecs>(),  products_of<2, vecs>(),  products_of<3, vecs>(),
    products_of<4, vecs>(),  products_of<5, vecs>(),  products_of<6, vecs>(),
    products_of<7, vecs>(),  products_of<8, vecs>(),  products_of<9, vecs>(),
    products_of<10, vecs>(), products_of<11, vecs>(), products_of<12, vecs>(),
    products_of<13, vecs>(), products_of<14, vecs>(), products_of<15, vecs>(),
    products_of<16, vecs>()};

template <int vecs>
void multiply(const uint8_t* v, const uint8_t* u, int32_t* m, const Plan& p, ptrdiff_t pairs,
              ptrdiff_t count) {
    constexpr ptrdiff_t width = vecs * kSums;
    const Shares shares = share(count, vecs);
    const ptrdiff_t done = shares.larger * (shares.size + 1), x_pixel = 2 * p.inputs;
    if (done) kProducts<vecs>[shares.size](v, x_pixel, u, pairs, m, width, shares.larger);
    kProducts<vecs>[shares.size - 1](v + done* x_pixel, x_pixel, u, pairs, m + done* width, width,
                                     shares.count);
}

inline ptrdiff_t parts(const void* fields) { return (as<Conv>(fields).out_h + kTile - 1) / kTile; }

inline void run(const void* fields, const void* prepared, const void* const* in, void* y,
                uint8_t* workspace, ptrdiff_t first, ptrdiff_t end) {
    const Conv& c = as<Conv>(fields);
    const Plan p(c);
    const auto* x = of<uint8_t>(in[3]);
    const auto* bias = static_cast<const int32_t*>(prepared);
    const auto* factor = static_cast<const float*>(prepared) + p.width;
    const auto* u = static_cast<const uint8_t*>(prepared) + 8 * p.width;
    const ptrdiff_t last = end * p.tiles_w, v_plane = p.v_plane(), m_plane = p.m_plane() / 4;
    uint8_t* v = workspace;
    auto* m = reinterpret_cast<int32_t*>(v + kPlanes * v_plane);
    auto* patch = reinterpret_cast<uint8_t*>(m + kPlanes * m_plane);
    for (ptrdiff_t start = first * p.tiles_w; start < last; start += p.group) {
        const ptrdiff_t count = min(p.group, last - start);
        for (ptrdiff_t t = 0; t < count; ++t) {
            const ptrdiff_t tile = start + t, top = tile / p.tiles_w * kTile - c.pad_h;
            const ptrdiff_t left = tile % p.tiles_w * kTile - c.pad_w;
            const uint8_t* from;
            const ptrdiff_t row = gather(c, x, top, left, patch, &from);
            transform_input(from, row, c.in_c, v + 2 * t * p.inputs, v_plane);
        }
        const ptrdiff_t pairs = p.pairs(c);
        for (ptrdiff_t o = 0; o < c.out_c; o += kBlock) {
            const ptrdiff_t channels = min(kBlock, c.out_c - o);
            const int vecs = vecs_of(channels);
            const bool two = vecs > 1;
            for (ptrdiff_t k = 0; k < kPlanes; ++k) {
                const uint8_t* w = u + 4 * pairs * (kPlanes * o + k * vecs * kSums);
                (two ? multiply<2> : multiply<1>)(v + k * v_plane, w, m + k * m_plane, p, pairs,
                                                  count);
            }
            for (ptrdiff_t t = 0; t < count; ++t) {
                const ptrdiff_t tile = start + t, oy = tile / p.tiles_w * kTile;
                const ptrdiff_t ox = tile % p.tiles_w * kTile;
                uint8_t* to = static_cast<uint8_t*>(y) + (oy * c.out_w + ox) * c.out_c + o;
                (two ? transform_output<2>
                     : transform_output<1>)(m + t * vecs * kSums, m_plane, bias + o, factor + o, c,
                                            to, min(kTile, c.out_h - oy), min(kTile, c.out_w - ox),
                                            channels);
            }
        }
    }
}

constexpr ByteAlgorithm kConv = {"int8-winograd-4x4", "conv", fits, prepared_bytes, prepare,
                                 workspace_bytes,     parts,  run};

}  // namespace by_winograd
}  // namespace fast
