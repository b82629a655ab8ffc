// Max-pools without dilation, a vector of channels at a time; NaN wins, as in PyTorch.

namespace fast {
namespace pool {

using Pool = struct written::pool;

inline const Pool& pool_of(const void* fields) { return *static_cast<const Pool*>(fields); }

inline bool fits(const void* fields) {
    const Pool& p = pool_of(fields);
    return !p.average && p.dilation_h == 1 && p.dilation_w == 1;
}

inline ptrdiff_t no_floats(const void*) { return 0; }

inline ptrdiff_t parts(const void* fields) { return pool_of(fields).out_h; }

inline void run(const void* fields, const float*, const float* x, const float*, float* y, float*,
                ptrdiff_t begin, ptrdiff_t end) {
    const Pool& p = pool_of(fields);
    const ptrdiff_t channels = p.channels, row = p.in_w * channels;
    const Vec lowest = set1(-__builtin_inff());
    y += begin * p.out_w * channels;
    for (ptrdiff_t oy = begin; oy < end; ++oy) {
        const ptrdiff_t top = oy * p.stride_h - p.pad_h;
        const ptrdiff_t first = max(0, top), last = min(p.in_h, top + p.kernel_h);
        for (ptrdiff_t ox = 0; ox < p.out_w; ++ox, y += channels) {
            const ptrdiff_t left = ox * p.stride_w - p.pad_w;
            const ptrdiff_t start = max(0, left), stop = min(p.in_w, left + p.kernel_w);
            for (ptrdiff_t at = 0; at < channels; at += kLanes) {
                const bool whole = at + kLanes <= channels;
                const Mask lanes = mask_lanes(0, channels - at);
                Vec most = lowest;
                for (ptrdiff_t r = first; r < last; ++r) {
                    const float* from = x + r * row + start * channels + at;
                    for (ptrdiff_t t = start; t < stop; ++t, from += channels)
                        most = max_nan(whole ? load(from) : load_mask(from, lanes), most);
                }
                store_first(y + at, most, channels - at);
            }
        }
    }
}

// Averages of the whole image. So many pixels are added up before they join the sum of the others:
// it loses digits each time.
constexpr ptrdiff_t kPart = 16;
inline bool is_global(const void* fields) {
    const Pool& p = pool_of(fields);
    return p.average && p.out_h == 1 && p.out_w == 1 && p.kernel_h == p.in_h &&
           p.kernel_w == p.in_w && p.dilation_h == 1 && p.dilation_w == 1 && p.pad_h == 0 &&
           p.pad_w == 0 && p.end_h == 0 && p.end_w == 0;
}
// Blocks of channels, whose sums stay in registers.
constexpr ptrdiff_t kMeans = 4;
inline ptrdiff_t blocks(const void* fields) {
    return (pool_of(fields).channels + kMeans * kLanes - 1) / (kMeans * kLanes);
}
inline void average(const void* fields, const float*, const float* x, const float*, float* y,
                    float*, ptrdiff_t first, ptrdiff_t end) {
    const Pool& p = pool_of(fields);
    const ptrdiff_t channels = p.channels, pixels = static_cast<ptrdiff_t>(p.in_h) * p.in_w;
    const Vec each = set1(1.0f / static_cast<float>(pixels));
    for (ptrdiff_t block = first; block < end; ++block) {
        const ptrdiff_t at = block * kMeans * kLanes;
        Mask lanes[kMeans];
        Vec sum[kMeans];
        for (ptrdiff_t v = 0; v < kMeans; ++v) {
            lanes[v] = mask_lanes(0, channels - at - v * kLanes);
            sum[v] = zero();
        }
        for (ptrdiff_t i = 0; i < pixels; i += kPart) {
            Vec part[kMeans];
            for (ptrdiff_t v = 0; v < kMeans; ++v) part[v] = zero();
            const float* from = x + i * channels + at;
            for (ptrdiff_t k = min(kPart, pixels - i); k > 0; --k, from += channels) {
                if (at + kMeans * kLanes <= channels) {
                    for (ptrdiff_t v = 0; v < kMeans; ++v)
                        part[v] = add(part[v], load(from + v * kLanes));
                    continue;
                }
                for (ptrdiff_t v = 0; v < kMeans && at + v * kLanes < channels; ++v)
                    part[v] = add(part[v], load_mask(from + v * kLanes, lanes[v]));
            }
            for (ptrdiff_t v = 0; v < kMeans; ++v) sum[v] = add(sum[v], part[v]);
        }
        for (ptrdiff_t v = 0; v < kMeans && at + v * kLanes < channels; ++v) {
            const ptrdiff_t rest = channels - at - v * kLanes;
            store_first(y + at + v * kLanes, mul(sum[v], each), rest);
        }
    }
}

constexpr ProgramAlgorithm kAverage = {"average", "pool", is_global, no_floats, nullptr,
                                       no_floats, blocks, nullptr,   average};
constexpr ProgramAlgorithm kMax = {"max-pool", "pool", fits,    no_floats, nullptr,
                                   no_floats,  parts,  nullptr, run};

}  // namespace pool
}  // namespace fast
