// Max-pools, global averages, additions and tables of bytes.

namespace fast {

namespace elements {

inline long none(const void*) { return 0; }
inline long one(const void*) { return 1; }
inline bool always(const void*) { return true; }

// The largest of each window, channels in vectors.
inline bool pool_fits(const void* fields) { return as<struct written::pool>(fields).average == 0; }
inline long pool_parts(const void* fields) { return as<struct written::pool>(fields).out_h; }

inline void pool_run(const void* fields, const void*, const void* const* in, void* y, uint8_t*,
                     long first_row, long end) {
    const auto& p = as<struct written::pool>(fields);
    const auto* x = of<uint8_t>(in[0]);
    uint8_t* to = static_cast<uint8_t*>(y) + first_row * p.out_w * p.channels;
    const long down = static_cast<long>(p.dilation_h) * p.in_w * p.channels;
    const long across = static_cast<long>(p.dilation_w) * p.channels;
    for (long oy = first_row; oy < end; ++oy) {
        const int top = static_cast<int>(oy) * p.stride_h - p.pad_h;
        const auto rows = written::inside(top, p.in_h, p.kernel_h, p.dilation_h);
        for (int ox = 0; ox < p.out_w; ++ox, to += p.channels) {
            const int left = ox * p.stride_w - p.pad_w;
            const auto columns = written::inside(left, p.in_w, p.kernel_w, p.dilation_w);
            const uint8_t* first = x + ((top + static_cast<long>(rows.first) * p.dilation_h) *
                                            p.in_w +
                                        left + static_cast<long>(columns.first) * p.dilation_w) *
                                           p.channels;
            for (long c = 0; c < p.channels; c += kBytes) {
                Bytes most = no_bytes();
                for (int r = 0; r < rows.count; ++r) {
                    for (int t = 0; t < columns.count; ++t)
                        most = largest(most, load(first + r * down + t * across + c));
                }
                if (c + kBytes <= p.channels) {
                    store(to + c, most);
                } else {
                    uint8_t all[kBytes];
                    store(all, most);
                    __builtin_memcpy(to + c, all, p.channels - c);
                }
            }
        }
    }
}

// The mean of each channel, some channels at once.
inline void average_run(const void* fields, const void*, const void* const* in, void* y, uint8_t*,
                        long, long) {
    constexpr int kAtOnce = 32;
    const auto& a = as<struct written::average>(fields);
    for (int first = 0; first < a.channels; first += kAtOnce) {
        const int count = a.channels - first < kAtOnce ? a.channels - first : kAtOnce;
        const uint8_t* x = of<uint8_t>(in[0]) + first;
        int32_t sums[kAtOnce];
        for (int k = 0; k < count; ++k) sums[k] = -a.pixels * a.zero;
        for (int i = 0; i < a.pixels; ++i, x += a.channels) {
            if (count == kAtOnce) {
                for (int k = 0; k < kAtOnce; ++k) sums[k] += x[k];
            } else {
                for (int k = 0; k < count; ++k) sums[k] += x[k];
            }
        }
        for (int k = 0; k < count; ++k)
            static_cast<uint8_t*>(y)[first + k] =
                written::requantised(sums[k], a.factor, a.zero_y);
    }
}

// A function of each byte.
inline bool table_fits(const void* fields) { return as<struct written::table>(fields).step == 0; }
inline void table_run(const void* fields, const void*, const void* const* in, void* y, uint8_t*,
                      long, long) {
    const auto* values = of<uint8_t>(in[0]);
    const auto* x = of<uint8_t>(in[1]);
    const long count = as<struct written::table>(fields).count;
    for (long i = 0; i < count; ++i) static_cast<uint8_t*>(y)[i] = values[x[i]];
}

constexpr ByteAlgorithm kPool = {"int8-max-pool", "pool", pool_fits,  nullptr, nullptr,
                                 none,            pool_parts, pool_run};
constexpr ByteAlgorithm kAverage = {"int8-average", "average", always, nullptr, nullptr,
                                    none,           one,       average_run};
constexpr ByteAlgorithm kTable = {"int8-table", "table", table_fits, nullptr, nullptr,
                                  none,         one,     table_run};

}  // namespace elements
}  // namespace fast
