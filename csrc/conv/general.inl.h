// Every shape and every value: groups (depthwise too), dilation, any padding, a residual, any
// activation, with or without a pool. A plain sum that starts at the bias, as in direct.inl.h.
//
// The lanes are neighbouring pixels of a convolution row. The input rows of a group are copied once
// into zero-padded rows that are split by phase, x[row][phase][i] = column i * stride + phase, so
// that a tap of any stride and dilation reads neighbouring floats. Up to kChannels output channels
// of the group x kVectors vectors are summed at once, and leave the registers with residual and
// activation done: to y, or where there is a pool, to a ring of rows that wait for their windows.

namespace general {

constexpr int kChannels = 4;
constexpr int kVectors = kRegisters >= 32 ? 4 : 2;

struct Plan {
    ptrdiff_t in, out;                // channels of a group
    ptrdiff_t tap_phase, tap_column;  // from a tap to the next one of its row
    ptrdiff_t padded_h;               // rows of the padded input that the largest row range needs
    ptrdiff_t phase, row, plane;      // floats of a phase, of a padded row, of a padded channel
    ptrdiff_t conv_row;               // floats of a convolution row: whole vectors
    ptrdiff_t ring_row, ring,
        line;  // floats of a ring's row (all channels), of the ring, a pool line
    bool pooled;
};

inline Plan plan(const ConvShape& s) {
    Plan p;
    p.in = s.channels_in / s.groups, p.out = s.channels_out / s.groups;
    p.tap_phase = s.dilation.w % s.stride.w, p.tap_column = s.dilation.w / s.stride.w;
    p.padded_h = (s.conv.h - 1) * s.stride.h + (s.kernel.h - 1) * s.dilation.h + 1;
    p.conv_row = round_up(s.conv.w, kLanes);
    p.phase = p.conv_row + (s.kernel.w - 1) * s.dilation.w / s.stride.w;
    p.row = p.phase * s.stride.w;
    p.plane = p.padded_h * p.row;
    p.pooled =
        s.pool_kernel.h > 1 || s.pool_kernel.w > 1 || s.pool_stride.h > 1 || s.pool_stride.w > 1;
    p.ring_row = kChannels * p.conv_row;
    p.ring = p.pooled ? round_up(s.pool_kernel.h * p.ring_row, 16) : 0;
    p.line = p.pooled ? pool::line_floats(s, p.conv_row) : 0;
    return p;
}

// A pointwise convolution of whole rows is that of a single row, in which no vector but the last
// is partly empty.
inline bool is_pointwise(const ConvShape& s, const Plan& p) {
    return s.kernel.h == 1 && s.kernel.w == 1 && s.stride.h == 1 && s.stride.w == 1 &&
           s.conv.h == s.input.h && s.conv.w == s.input.w && s.padding.h == 0 && s.padding.w == 0 &&
           !p.pooled;
}
inline ConvShape single_row(ConvShape s, ptrdiff_t rows) {
    s.input = s.conv = s.output = {1, rows * s.input.w};
    return s;
}

inline size_t prepared_bytes(const ConvShape& s) {
    return sizeof(float) *
           (s.channels_out * (s.channels_in / s.groups) * s.kernel.h * s.kernel.w + s.channels_out);
}

// The bias, then the weights, as they came.
inline bool prepare(const ConvShape& s, const float* weight, const float* bias, void* prepared) {
    float* to = static_cast<float*>(prepared);
    for (ptrdiff_t o = 0; o < s.channels_out; ++o) *to++ = bias ? bias[o] : 0.0f;
    const ptrdiff_t count = s.channels_out * (s.channels_in / s.groups) * s.kernel.h * s.kernel.w;
    for (ptrdiff_t i = 0; i < count; ++i) *to++ = weight[i];
    return true;
}

inline size_t workspace_bytes(const ConvShape& s) {
    const Plan own = plan(s);
    const Plan p = is_pointwise(s, own) ? plan(single_row(s, s.input.h)) : own;
    return sizeof(float) * (round_up(p.in * p.plane, 16) + p.ring + p.line);
}

// One image, and the floats from a channel to the next in each of its arrays.
struct Image {
    const float *x, *residual;  // residual may be null
    float* y;
    ptrdiff_t x_channel, conv_channel, y_channel;
};

// Copies the padded rows first <= row < last of a group, whose channels begin at `image`.
inline void pad(const ConvShape& s, const Plan& p, const float* image, ptrdiff_t x_channel,
                ptrdiff_t first, ptrdiff_t last, float* x) {
    // Columns beyond the last convolution's reach are read by no tap.
    const ptrdiff_t reach = (s.conv.w - 1) * s.stride.w + (s.kernel.w - 1) * s.dilation.w + 1;
    const ptrdiff_t columns = min(s.input.w, reach - s.padding.w);
    for (ptrdiff_t c = 0; c < p.in; ++c) {
        for (ptrdiff_t r = first; r < last; ++r) {
            float* to = x + c * p.plane + (r - first) * p.row;
            for (ptrdiff_t i = 0; i < p.row; ++i) to[i] = 0.0f;
            const ptrdiff_t in = r - s.padding.h;
            if (in < 0 || in >= s.input.h) continue;
            const float* from = image + c * x_channel + in * s.input.w;
            if (s.stride.w == 1) {
                for (ptrdiff_t j = 0; j < columns; ++j) to[j + s.padding.w] = from[j];
                continue;
            }
            for (ptrdiff_t phase = 0; phase < s.stride.w; ++phase, to += p.phase) {
                const ptrdiff_t skipped = (s.padding.w - phase + s.stride.w - 1) / s.stride.w;
                ptrdiff_t i = skipped, j = skipped * s.stride.w + phase - s.padding.w;
                for (; j < columns; ++i, j += s.stride.w) to[i] = from[j];
            }
        }
    }
}

// One convolution row of a block of output channels: where it goes, and the residual's row or null.
struct Target {
    float* to;
    const float* residual;
    ptrdiff_t to_channel, residual_channel;  // floats from a channel to the next
};

// Computes `vectors` vectors of `channels` output channels, from `column` on. x points at the row's
// first padded input row, weight and bias at the first output channel.
template <int channels, int vectors>
inline void block(const ConvShape& s, const Plan& p, const float* x, const float* weight,
                  const float* bias, const Target& t, ptrdiff_t column) {
    Vec total[channels][vectors];
    for (int o = 0; o < channels; ++o) {
        for (int v = 0; v < vectors; ++v) total[o][v] = set1(bias[o]);
    }
    const ptrdiff_t per_channel = p.in * s.kernel.h * s.kernel.w;
    for (ptrdiff_t c = 0; c < p.in; ++c) {
        for (ptrdiff_t i = 0; i < s.kernel.h; ++i) {
            const float* row = x + c * p.plane + i * s.dilation.h * p.row + column;
            const float* taps = weight + (c * s.kernel.h + i) * s.kernel.w;
            ptrdiff_t phase = 0,
                      offset = 0;  // of tap j: j * dilation % stride, j * dilation / stride
            for (ptrdiff_t j = 0; j < s.kernel.w; ++j) {
                const float* from = row + phase * p.phase + offset;
                Vec pixels[vectors];
                for (int v = 0; v < vectors; ++v) pixels[v] = load(from + v * kLanes);
                for (int o = 0; o < channels; ++o) {
                    const Vec tap = set1(taps[o * per_channel + j]);
                    for (int v = 0; v < vectors; ++v)
                        total[o][v] = fma(pixels[v], tap, total[o][v]);
                }
                phase += p.tap_phase, offset += p.tap_column;
                if (phase >= s.stride.w) phase -= s.stride.w, ++offset;
            }
        }
    }
    const Vec low = set1(s.low), high = set1(s.high);
    for (int v = 0; v < vectors; ++v) {
        const ptrdiff_t at = column + v * kLanes;
        const Mask columns = mask_lanes(0, s.conv.w - at);
        for (int o = 0; o < channels; ++o) {
            Vec y = total[o][v];
            if (t.residual)
                y = add(y, load_mask(t.residual + o * t.residual_channel + at, columns));
            y = select_greater(low, y, low, y);  // comparisons with NaN are false: it stays
            y = select_greater(y, high, high, y);
            float* to = t.to + o * t.to_channel + at;
            if (p.pooled) {
                store(to, y);  // the pool reads whole vectors
            } else {
                store_mask(to, columns, y);
            }
        }
    }
}

template <int channels>
inline void conv_row(const ConvShape& s, const Plan& p, const float* x, const float* weight,
                     const float* bias, const Target& t) {
    ptrdiff_t j = 0;
    for (; j + kVectors * kLanes <= p.conv_row; j += kVectors * kLanes)
        block<channels, kVectors>(s, p, x, weight, bias, t, j);
    for (; j + 2 * kLanes <= p.conv_row; j += 2 * kLanes)
        block<channels, 2>(s, p, x, weight, bias, t, j);
    for (; j < p.conv_row; j += kLanes) block<channels, 1>(s, p, x, weight, bias, t, j);
}

constexpr decltype(&conv_row<1>) kConvRow[kChannels] = {conv_row<1>, conv_row<2>, conv_row<3>,
                                                        conv_row<4>};

// The output rows row0 <= r < row1 of `count` output channels from channel o on, which read the
// padded rows from padded0 on. ring is for the pool.
inline void rows(const ConvShape& s, const Plan& p, const Image& image, const float* x,
                 ptrdiff_t padded0, const float* weight, const float* bias, ptrdiff_t o,
                 ptrdiff_t count, ptrdiff_t row0, ptrdiff_t row1, float* ring) {
    float* y = image.y + o * image.y_channel;
    const float* residual = image.residual ? image.residual + o * image.conv_channel : nullptr;
    ptrdiff_t done = 0;  // convolution rows before this one are computed
    for (ptrdiff_t r = row0; r < row1; ++r) {
        const ptrdiff_t top = r * s.pool_stride.h - s.pool_padding.h;
        const ptrdiff_t first = max(0, top), last = min(s.conv.h, top + s.pool_kernel.h);
        for (done = max(done, first); done < last; ++done) {
            const Target t = {
                p.pooled ? ring + done % s.pool_kernel.h * p.ring_row : y + done * s.conv.w,
                residual ? residual + done * s.conv.w : nullptr,
                p.pooled ? p.conv_row : image.y_channel, image.conv_channel};
            kConvRow[count - 1](s, p, x + (done * s.stride.h - padded0) * p.row, weight, bias, t);
        }
        if (!p.pooled) continue;
        for (ptrdiff_t i = 0; i < count; ++i) {
            const auto row = [&](ptrdiff_t n) {
                return ring + n % s.pool_kernel.h * p.ring_row + i * p.conv_row;
            };
            pool::pool_row<false>(s, row, p.conv_row, first, last, ring + p.ring,
                                  y + i * image.y_channel + r * s.output.w);
        }
    }
}

inline void run_image(const ConvShape& s, const Plan& p, const Image& image, const float* prepared,
                      ptrdiff_t row0, ptrdiff_t row1, float* x) {
    const float* weights = prepared + s.channels_out;
    const ptrdiff_t per_channel = p.in * s.kernel.h * s.kernel.w;
    const ptrdiff_t conv0 = max(0, row0 * s.pool_stride.h - s.pool_padding.h);
    const ptrdiff_t conv1 =
        min(s.conv.h, (row1 - 1) * s.pool_stride.h - s.pool_padding.h + s.pool_kernel.h);
    const ptrdiff_t padded0 = conv0 * s.stride.h;
    const ptrdiff_t padded1 = (conv1 - 1) * s.stride.h + (s.kernel.h - 1) * s.dilation.h + 1;
    for (ptrdiff_t group = 0; group < s.groups; ++group) {
        pad(s, p, image.x + group * p.in * image.x_channel, image.x_channel, padded0, padded1, x);
        for (ptrdiff_t i = 0; i < p.out; i += kChannels) {
            const ptrdiff_t o = group * p.out + i;
            rows(s, p, image, x, padded0, weights + o * per_channel, prepared + o, o,
                 min(kChannels, p.out - i), row0, row1, x + round_up(p.in * p.plane, 16));
        }
    }
}

inline bool run(const ConvShape& s, const float* x, const void* prepared, float* y, unsigned char*,
                ptrdiff_t row0, ptrdiff_t row1, void* workspace, const float* residual) {
    const float* weights = static_cast<const float*>(prepared);
    float* memory = static_cast<float*>(workspace);
    const Plan p = plan(s);
    Image image = {
        x, residual, y, s.input.h * s.input.w, s.conv.h * s.conv.w, s.output.h * s.output.w};
    if (is_pointwise(s, p)) {
        const ptrdiff_t skipped = row0 * s.input.w;
        image.x += skipped, image.y += skipped;
        if (residual) image.residual += skipped;
        const ConvShape row = single_row(s, row1 - row0);
        run_image(row, plan(row), image, weights, 0, 1, memory);
    } else {
        run_image(s, p, image, weights, row0, row1, memory);
    }
    return true;
}

inline bool fits(const ConvShape&, Precision) { return true; }

constexpr ConvKernel kConvKernel = {"general",      false,   false,           fits,
                                    prepared_bytes, prepare, workspace_bytes, run};

}  // namespace general
