// Convolutions of any kernel, stride, dilation and groups, and matrices. Where there is padding, a
// strip of rows is copied between bytes that stand for zero first, so that all pixels are alike.

namespace fast {
namespace dense {

constexpr ptrdiff_t kMostWorkspace = ptrdiff_t{1} << 26, kMostRuns = 1024;
constexpr ptrdiff_t kStrip = 16384;  // bytes of a strip of input, that the nearest cache keeps it

// A convolution as it is computed.
struct Shape : Conv {
    // Neighbouring pixels of the result that are channels of one here, with a wider kernel, whose
    // taps beyond a pixel's own have weights of zero.
    int joined_pixels;
};

// One that looks at single pixels takes an image as one row.
inline Conv flat(const void* fields) {
    Conv c = as<Conv>(fields);
    const bool single = c.kernel_h == 1 && c.kernel_w == 1 && c.stride_h == 1 && c.stride_w == 1 &&
                        c.pad_h == 0 && c.pad_w == 0 && c.in_h == c.out_h && c.in_w == c.out_w;
    if (single) c.in_w *= c.in_h, c.out_w = c.in_w, c.in_h = c.out_h = 1;
    return c;
}
// Pixels of few channels share vectors, and what they read, where that takes fewer instructions.
inline Shape shaped(const Conv& c) {
    const auto joined = [&](int pixels) {
        Shape s{c, pixels};
        s.kernel_w += (pixels - 1) * c.stride_w, s.stride_w *= pixels;
        s.out_c *= pixels, s.out_w /= pixels;
        return s;
    };
    const auto cost = [&](const Shape& s) {
        const ptrdiff_t span = (static_cast<ptrdiff_t>(s.kernel_w) * s.in_c + 3) / 4;
        const ptrdiff_t vecs = (s.out_c + kSums - 1) / kSums, blocks = (vecs + kVecs - 1) / kVecs;
        return (s.kernel_h * span * (vecs + blocks) + 5.0 * vecs) / s.joined_pixels;
    };
    Shape best = joined(1);
    for (int pixels = 2; pixels <= 4; pixels *= 2) {
        if (c.groups > 1 || c.dilation_w > 1 || c.out_w % pixels || c.out_c > kBlock) break;
        const Shape next = joined(pixels);
        if (cost(next) < cost(best)) best = next;
    }
    return best;
}
inline Shape shape_of(const void* fields) { return shaped(flat(fields)); }

struct Plan {
    bool padded;
    ptrdiff_t row;      // bytes of an input row, with its padding
    ptrdiff_t strip;    // output rows of a strip
    ptrdiff_t columns;  // output pixels of a row that are computed together
    // What a pixel reads, of a group of channels: `runs` of `span` times four bytes.
    ptrdiff_t runs, bytes, span;
    bool joined;  // a run is a row of the kernel, else one of its pixels
};

inline Plan plan(const Conv& c) {
    Plan p;
    const ptrdiff_t reach_w =
        (c.out_w - ptrdiff_t{1}) * c.stride_w + (c.kernel_w - ptrdiff_t{1}) * c.dilation_w + 1;
    const ptrdiff_t reach_h =
        (c.out_h - ptrdiff_t{1}) * c.stride_h + (c.kernel_h - ptrdiff_t{1}) * c.dilation_h + 1;
    p.padded = c.pad_h > 0 || c.pad_w > 0 || reach_w > c.in_w || reach_h > c.in_h;
    p.row = (p.padded ? reach_w : c.in_w) * c.in_c;
    const ptrdiff_t more = (c.kernel_h - ptrdiff_t{1}) * c.dilation_h + 1 - c.stride_h;
    const ptrdiff_t rows = kStrip / p.row - max(0, more);
    p.strip = min(c.out_h, max(rows / c.stride_h, p.row > 4 * kStrip ? 2 : 4));
    p.columns =
        max(kMostPixels * ptrdiff_t{4}, kStrip / (static_cast<ptrdiff_t>(c.stride_w) * c.in_c));
    p.joined = c.groups == 1 && (c.dilation_w == 1 || c.kernel_w == 1);
    p.runs = p.joined ? c.kernel_h : static_cast<ptrdiff_t>(c.kernel_h) * c.kernel_w;
    p.bytes = (p.joined ? c.kernel_w : ptrdiff_t{1}) * (c.in_c / c.groups);
    p.span = (p.bytes + 3) / 4;
    return p;
}

inline ptrdiff_t group_bytes(const Conv& c, const Plan& p) {
    ptrdiff_t bytes = 0;
    const ptrdiff_t out = c.out_c / c.groups;
    for (ptrdiff_t first = 0; first < out; first += kBlock)
        bytes += vecs_of(out - first) * kSums * 4 * (2 + p.runs * p.span);
    return bytes;
}
inline ptrdiff_t prepared_bytes(const void* fields) {
    const Conv c = shape_of(fields);
    return c.groups * group_bytes(c, plan(c)) + kByteSlack;
}

// Of each group and block of output channels bias, factor and weights, which are `row` bytes of
// each channel.
template <typename Dot>
bool prepare_rows(const Shape& c, ptrdiff_t row, const void* const* in, void* prepared) {
    const Plan p = plan(c);
    const Parameters from(in);
    const int pixels = c.joined_pixels;
    const ptrdiff_t out = c.out_c / c.groups,
                    step = static_cast<ptrdiff_t>(c.stride_w / pixels) * c.in_c;
    const ptrdiff_t own = p.bytes - (pixels - 1) * step,
                    count = p.runs * own;  // bytes of one pixel
    char* to = static_cast<char*>(prepared);
    for (ptrdiff_t first = 0; first < c.out_c;) {
        const ptrdiff_t channels = out - first % out;
        const int vecs = vecs_of(channels);
        const ptrdiff_t width = vecs * kSums;
        auto* bias = reinterpret_cast<int32_t*>(to);
        auto* factor = reinterpret_cast<float*>(to) + width;
        auto* weight = reinterpret_cast<int8_t*>(to) + 8 * width;
        for (ptrdiff_t at = 0; at < width; ++at) {
            const ptrdiff_t i = channel_of(vecs, static_cast<int>(at / kSums), at % kSums);
            const ptrdiff_t channel = (first + i) % (c.out_c / pixels);
            const ptrdiff_t before = (first + i) / (c.out_c / pixels) * step;
            bias[at] = 0, factor[at] = 0.0f;
            const int8_t* w = from.weight + channel * row;
            if (i < channels) {
                if (!Dot::takes(w, count)) return false;
                ptrdiff_t sum = 0, size = 0;
                for (ptrdiff_t k = 0; k < count; ++k) sum += w[k], size += w[k] < 0 ? -w[k] : w[k];
                if (!sums_fit(size, from.bias[channel], from.factor[channel])) return false;
                bias[at] = from.bias[channel] + static_cast<int32_t>(Dot::kShift * sum);
                factor[at] = from.factor[channel];
            }
            for (ptrdiff_t run = 0; run < p.runs; ++run) {
                for (ptrdiff_t k = 0; k < 4 * p.span; ++k) {
                    const ptrdiff_t tap = k - before;
                    const bool known = i < channels && tap >= 0 && tap < own;
                    weight[((run * p.span + k / 4) * width + at) * 4 + k % 4] =
                        known ? w[run * own + tap] : 0;
                }
            }
        }
        to += width * 4 * (2 + p.runs * p.span);
        first += min(channels, width);
    }
    return true;
}

template <typename Dot>
bool prepare(const void* fields, const void* const* in, void* prepared) {
    const Conv c = flat(fields);
    const ptrdiff_t count = static_cast<ptrdiff_t>(c.kernel_h) * c.kernel_w * (c.in_c / c.groups);
    return prepare_rows<Dot>(shaped(c), round_up(count, 4), in, prepared);
}

inline ptrdiff_t workspace_bytes(const void* fields) {
    const Conv c = shape_of(fields);
    const Plan p = plan(c);
    if (!p.padded) return 0;
    return ((p.strip - 1) * c.stride_h + (c.kernel_h - ptrdiff_t{1}) * c.dilation_h + 1) * p.row +
           kByteSlack;
}

inline bool fits(const void* fields) {
    return plan(shape_of(fields)).runs <= kMostRuns && workspace_bytes(fields) <= kMostWorkspace;
}

// What `parts` count: rows of the output; pixels, if it has one row.
inline ptrdiff_t parts(const void* fields) {
    const Conv c = shape_of(fields);
    return c.out_h > 1 ? c.out_h : c.out_w;
}

template <typename Dot>
void run_rows(const Conv& c, const void* prepared, const uint8_t* x, uint8_t* y, float* scores,
              uint8_t* workspace, ptrdiff_t first, ptrdiff_t end) {
    const Plan p = plan(c);
    const ptrdiff_t in = c.in_c / c.groups, out = c.out_c / c.groups;
    ptrdiff_t offsets[kMostRuns];
    for (ptrdiff_t run = 0; run < p.runs; ++run) {
        const ptrdiff_t taps = p.joined ? 1 : c.kernel_w;
        offsets[run] = run / taps * c.dilation_h * p.row + run % taps * c.dilation_w * c.in_c;
    }
    Run r;
    r.offsets = offsets, r.runs = p.runs, r.span = p.span;
    r.x_pixel = static_cast<ptrdiff_t>(c.stride_w) * c.in_c;
    r.scores = scores, r.y_pixel = c.out_c, r.zero_y = c.zero_y;
    const bool by_rows = c.out_h > 1;
    const ptrdiff_t row0 = by_rows ? first : 0, row1 = by_rows ? end : 1;
    const ptrdiff_t pixel0 = by_rows ? 0 : first, pixel1 = by_rows ? c.out_w : end;
    for (ptrdiff_t top = row0; top < row1; top += p.strip) {
        const ptrdiff_t rows = min(p.strip, row1 - top);
        const uint8_t* from = x + top * c.stride_h * p.row;
        if (p.padded) {
            const ptrdiff_t count =
                (rows - 1) * c.stride_h + (c.kernel_h - ptrdiff_t{1}) * c.dilation_h + 1;
            copy_rows(c, x, top * c.stride_h - c.pad_h, count, p.row, workspace);
            from = workspace;
        }
        for (ptrdiff_t left = pixel0; left < pixel1; left += p.columns) {
            const ptrdiff_t pixels = min(p.columns, pixel1 - left);
            const char* block = static_cast<const char*>(prepared);
            for (ptrdiff_t o = 0; o < c.out_c;) {
                const ptrdiff_t channels = out - o % out, width = vecs_of(channels) * kSums;
                r.bias = reinterpret_cast<const int32_t*>(block);
                r.factor = reinterpret_cast<const float*>(block) + width;
                r.w = reinterpret_cast<const uint8_t*>(block) + 8 * width;
                r.channels = min(channels, width);
                if (scores) r.scores = scores + o;
                const Shares shares = share(pixels, vecs_of(r.channels));
                for (ptrdiff_t row = 0; row < rows; ++row) {
                    r.x = from + row * c.stride_h * p.row + left * r.x_pixel + o / out * in;
                    r.y = y + ((top + row) * c.out_w + left) * c.out_c + o;
                    run_pixels<Dot>(r, shares);
                }
                block += width * 4 * (2 + p.runs * p.span);
                o += r.channels;
            }
        }
    }
}

template <typename Dot>
void run(const void* fields, const void* prepared, const void* const* in, void* y,
         uint8_t* workspace, ptrdiff_t first, ptrdiff_t end) {
    run_rows<Dot>(shape_of(fields), prepared, of<uint8_t>(in[3]), static_cast<uint8_t*>(y), nullptr,
                  workspace, first, end);
}

// Matrices are convolutions of one pixel.
inline Shape conv_of(int features, int outputs, int zero_y) {
    return {{1, 1, features, 1, 1, outputs, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0, zero_y, 0}, 1};
}
inline Shape conv_of(const struct written::gemm& g) {
    return conv_of(g.features, g.outputs, g.zero_y);
}
inline Shape conv_of(const struct written::scores& s) { return conv_of(s.features, s.outputs, 0); }

inline bool always(const void*) { return true; }
template <typename Matrix>
ptrdiff_t matrix_prepared(const void* fields) {
    const Shape c = conv_of(as<Matrix>(fields));
    return prepared_bytes(&c);
}
template <typename Dot, typename Matrix>
bool matrix_prepare(const void* fields, const void* const* in, void* prepared) {
    const Shape c = conv_of(as<Matrix>(fields));
    return prepare_rows<Dot>(c, c.in_c, in, prepared);
}
inline ptrdiff_t none(const void*) { return 0; }
inline ptrdiff_t one(const void*) { return 1; }

// The parts are images, whose values lie one behind the other.
template <typename Dot, typename Matrix>
void matrix_run(const void* fields, const void* prepared, const void* const* in, void* y, uint8_t*,
                ptrdiff_t first, ptrdiff_t end) {
    Shape c = conv_of(as<Matrix>(fields));
    const auto* x = of<uint8_t>(in[3]);
    if constexpr (sizeof(Matrix) == sizeof(struct written::scores)) {
        for (ptrdiff_t i = first; i < end; ++i)
            run_rows<Dot>(c, prepared, x + i * c.in_c, nullptr,
                          static_cast<float*>(y) + i * c.out_c, nullptr, 0, 1);
    } else {
        c.in_w = c.out_w = static_cast<int>(end);
        run_rows<Dot>(c, prepared, x, static_cast<uint8_t*>(y), nullptr, nullptr, first, end);
    }
}

template <typename Dot>
constexpr ByteAlgorithm conv_as(const char* name) {
    return {name, "conv", fits, prepared_bytes, prepare<Dot>, workspace_bytes, parts, run<Dot>};
}
template <typename Dot, typename Matrix>
constexpr ByteAlgorithm matrix_as(const char* name, const char* kernel) {
    return {name,
            kernel,
            always,
            matrix_prepared<Matrix>,
            matrix_prepare<Dot, Matrix>,
            none,
            one,
            matrix_run<Dot, Matrix>};
}

}  // namespace dense
}  // namespace fast
