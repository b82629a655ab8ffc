// Max-pools, global averages, additions and tables of bytes.

namespace fast {

namespace elements {

inline ptrdiff_t none(const void*) { return 0; }
inline ptrdiff_t one(const void*) { return 1; }

// Raw pixels of a few channels beside one another.
constexpr int kMostChannels = 4;
inline bool pixels_fit(const void* fields) {
    return as<struct written::pixels>(fields).channels <= kMostChannels;
}
template <int channels>
void beside(const struct written::pixels& p, const uint8_t* table, const uint8_t* raw, uint8_t* y) {
    const ptrdiff_t area = p.area;
    for (int c = 0; table && c < channels; ++c) {
        const uint8_t* values = table + c * p.step;
        for (ptrdiff_t i = 0; i < area; ++i) y[i * channels + c] = values[raw[c * area + i]];
    }
    if (table) return;
    for (ptrdiff_t i = 0; i < area; ++i) {
        for (int c = 0; c < channels; ++c) y[i * channels + c] = raw[c * area + i];
    }
}
inline void pixels_run(const void* fields, const void*, const void* const* in, void* y, uint8_t*,
                       ptrdiff_t, ptrdiff_t) {
    constexpr decltype(&beside<1>) kBeside[] = {beside<1>, beside<2>, beside<3>, beside<4>};
    const auto& p = as<struct written::pixels>(fields);
    kBeside[p.channels - 1](p, of<uint8_t>(in[0]), of<uint8_t>(in[1]), static_cast<uint8_t*>(y));
}

// The largest of each window, channels in vectors.
inline bool pool_fits(const void* fields) { return as<struct written::pool>(fields).average == 0; }
inline ptrdiff_t pool_parts(const void* fields) { return as<struct written::pool>(fields).out_h; }

inline void pool_run(const void* fields, const void*, const void* const* in, void* y, uint8_t*,
                     ptrdiff_t first_row, ptrdiff_t end) {
    const auto& p = as<struct written::pool>(fields);
    const auto* x = of<uint8_t>(in[0]);
    uint8_t* to = static_cast<uint8_t*>(y) + first_row * p.out_w * p.channels;
    const ptrdiff_t down = static_cast<ptrdiff_t>(p.dilation_h) * p.in_w * p.channels;
    const ptrdiff_t across = static_cast<ptrdiff_t>(p.dilation_w) * p.channels;
    for (ptrdiff_t oy = first_row; oy < end; ++oy) {
        const int top = static_cast<int>(oy) * p.stride_h - p.pad_h;
        const auto rows = written::inside(top, p.in_h, p.kernel_h, p.dilation_h);
        for (int ox = 0; ox < p.out_w; ++ox, to += p.channels) {
            const int left = ox * p.stride_w - p.pad_w;
            const bool inner = left >= 0 && left + (p.kernel_w - 1) * p.dilation_w < p.in_w;
            const auto columns = inner ? written::taps{0, p.kernel_w}
                                       : written::inside(left, p.in_w, p.kernel_w, p.dilation_w);
            const uint8_t* first =
                x + ((top + static_cast<ptrdiff_t>(rows.first) * p.dilation_h) * p.in_w + left +
                     static_cast<ptrdiff_t>(columns.first) * p.dilation_w) *
                        p.channels;
            for (ptrdiff_t c = 0; c < p.channels; c += kBytes) {
                Bytes most = no_bytes();
                for (int r = 0; r < rows.count; ++r) {
                    for (int t = 0; t < columns.count; ++t)
                        most = largest(most, load(first + r * down + t * across + c));
                }
                if (c + kBytes <= p.channels) {
                    store(to + c, most);
                } else {
                    store_some(to + c, most, p.channels - c);
                }
            }
        }
    }
}

// The mean of each channel: sums of four pixels at once, times one.
inline bool average_fits(const void* fields) {
    const auto& a = as<struct written::average>(fields);
    const double most = 384.0 * a.pixels;
    return most < kMostScaled && a.factor >= 0.0f && most * a.factor < kMostScaled;
}
inline void average_run(const void* fields, const void*, const void* const* in, void* y, uint8_t*,
                        ptrdiff_t, ptrdiff_t) {
    const auto& a = as<struct written::average>(fields);
    const auto* x = of<uint8_t>(in[0]);
    int32_t start[kSums];
    float factor[kBytes];
    uint8_t last[kBytes];  // as often as there are pixels left
    for (int32_t& sum : start) sum = a.pixels * (Quads::kShift - a.zero);
    for (int i = 0; i < kBytes; ++i) factor[i] = a.factor, last[i] = i % 4 < a.pixels % 4;
    for (ptrdiff_t first = 0; first < a.channels; first += kBytes) {
        Sums sum[4];
        for (Sums& some : sum) some = load_sums(start);
        for (ptrdiff_t i = 0; i < a.pixels; i += 4) {
            const Bytes ones = i + 4 <= a.pixels ? every(1) : load(last);
            const uint8_t* pixels[4];
            for (ptrdiff_t p = 0; p < 4; ++p) pixels[p] = x + min(i + p, a.pixels - 1) * a.channels;
            Bytes quads[4];
            interleave(pixels, first, quads);
#pragma GCC unroll 4
            for (int k = 0; k < 4; ++k) sum[k] = Quads::dot(sum[k], quads[k], ones);
        }
        const Bytes made = as_bytes(sum, factor, a.zero_y);
        uint8_t* to = static_cast<uint8_t*>(y) + first;
        if (first + kBytes <= a.channels) {
            store(to, made);
        } else {
            store_some(to, made, a.channels - first);
        }
    }
}

// Sums of two values, whose place may be that of one of them.
inline bool add_fits(const void* fields) {
    const auto& a = as<struct written::add>(fields);
    const auto size = [](float value) { return value < 0.0f ? -value : value; };
    return 255.0 * size(a.left) + 255.0 * size(a.right) + size(a.rest) < kMostScaled;
}
template <int shift>
void add_run(const void* fields, const void*, const void* const* in, void* y, uint8_t*, ptrdiff_t,
             ptrdiff_t) {
    const auto& a = as<struct written::add>(fields);
    const auto *x = of<uint8_t>(in[0]), *z = of<uint8_t>(in[1]);
    auto* to = static_cast<uint8_t*>(y);
    ptrdiff_t i = 0;
    for (; i + kBytes <= a.count; i += kBytes)
        store(to + i, sum_of<shift>(load(x + i), load(z + i), a.left, a.right, a.rest));
    if (i == a.count) return;
    const Bytes last = sum_of<shift>(load(x + i), load(z + i), a.left, a.right, a.rest);
    store_some(to + i, last, a.count - i);
}

// A function of each byte.
inline bool table_fits(const void* fields) { return as<struct written::table>(fields).step == 0; }
inline void table_run(const void* fields, const void*, const void* const* in, void* y, uint8_t*,
                      ptrdiff_t, ptrdiff_t) {
    const auto* values = of<uint8_t>(in[0]);
    const auto* x = of<uint8_t>(in[1]);
    const ptrdiff_t count = as<struct written::table>(fields).count;
    for (ptrdiff_t i = 0; i < count; ++i) static_cast<uint8_t*>(y)[i] = values[x[i]];
}

constexpr ByteAlgorithm kPixels = {"int8-pixels", "pixels", pixels_fit, nullptr,
                                   nullptr,       none,     one,        pixels_run};
constexpr ByteAlgorithm kPool = {"int8-max-pool", "pool", pool_fits,  nullptr,
                                 nullptr,         none,   pool_parts, pool_run};
constexpr ByteAlgorithm kAverage = {"int8-average", "average", average_fits, nullptr,
                                    nullptr,        none,      one,          average_run};
constexpr ByteAlgorithm kAdd = {"int8-add", "add", add_fits, nullptr,
                                nullptr,    none,  one,      add_run<0>};
constexpr ByteAlgorithm kSignedAdd = {"int8-signed-add", "signed_add", add_fits, nullptr,
                                      nullptr,           none,         one,      add_run<128>};
constexpr ByteAlgorithm kTable = {"int8-table", "table", table_fits, nullptr,
                                  nullptr,      none,    one,        table_run};

}  // namespace elements
}  // namespace fast
