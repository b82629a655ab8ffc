// conv → ReLU → max-pool for every plain shape and every value, as a plain sum that starts at the
// bias.
//
// The lanes are neighbouring pixels of a convolution row. The input rows are copied once into
// zero-padded rows that are split by phase, x[row][phase][i] = column i * stride + phase, so that a
// tap of any stride reads neighbouring floats. kChannels output channels x kVectors vectors are
// summed at once; finished convolution rows wait in a ring until the pool windows that they belong
// to are complete.

namespace direct {

constexpr int kChannels = 4;
constexpr int kVectors = kRegisters >= 32 ? 4 : 2;

struct Plan {
    ptrdiff_t padded_h;  // rows of the padded input that the largest row range needs
    ptrdiff_t phase;     // floats of one phase of a padded row
    ptrdiff_t row;       // floats of a padded row, all phases
    ptrdiff_t plane;     // floats of a padded channel
    ptrdiff_t conv_row;  // floats of a convolution row: whole vectors
    ptrdiff_t line;      // floats of a pool line
};

inline Plan plan(const PlainShape& s) {
    Plan p;
    p.padded_h = (s.conv.h - 1) * s.stride.h + s.kernel.h;
    p.conv_row = round_up(s.conv.w, kLanes);
    p.phase = p.conv_row + (s.kernel.w - 1) / s.stride.w;
    p.row = p.phase * s.stride.w;
    p.plane = p.padded_h * p.row;
    p.line = pool::line_floats(s, p.conv_row);
    return p;
}

inline size_t prepared_bytes(const ConvShape& s) {
    return sizeof(float) *
           (s.channels_out * s.channels_in * s.kernel.h * s.kernel.w + s.channels_out);
}

// The bias, then the weights, as they came.
inline bool prepare(const ConvShape& s, const float* weight, const float* bias, void* prepared) {
    float* to = static_cast<float*>(prepared);
    for (ptrdiff_t o = 0; o < s.channels_out; ++o) *to++ = bias ? bias[o] : 0.0f;
    const ptrdiff_t count = s.channels_out * s.channels_in * s.kernel.h * s.kernel.w;
    for (ptrdiff_t i = 0; i < count; ++i) *to++ = weight[i];
    return true;
}

inline size_t workspace_bytes(const ConvShape& s) {
    const Plan p = plan(s);
    return sizeof(float) * (round_up(s.channels_in * p.plane, 16) +
                            round_up(s.pool_kernel.h * kChannels * p.conv_row, 16) + p.line);
}

// Copies the padded rows first <= row < last of every channel to x.
inline void pad(const PlainShape& s, const Plan& p, const float* image, ptrdiff_t first,
                ptrdiff_t last, float* x) {
    for (ptrdiff_t c = 0; c < s.channels_in; ++c) {
        for (ptrdiff_t r = first; r < last; ++r) {
            float* to = x + c * p.plane + (r - first) * p.row;
            for (ptrdiff_t i = 0; i < p.row; ++i) to[i] = 0.0f;
            const ptrdiff_t in = r - s.padding.h;
            if (in < 0 || in >= s.input.h) continue;
            const float* from = image + (c * s.input.h + in) * s.input.w;
            // Columns beyond the last convolution's reach are read by no tap.
            const ptrdiff_t reach = (s.conv.w - 1) * s.stride.w + s.kernel.w - s.padding.w;
            const ptrdiff_t columns = min(s.input.w, reach);
            if (s.stride.w == 1) {
                for (ptrdiff_t j = 0; j < columns; ++j) to[j + s.padding.w] = from[j];
            } else {
                for (ptrdiff_t j = 0; j < columns; ++j) {
                    const ptrdiff_t column = j + s.padding.w;
                    to[column % s.stride.w * p.phase + column / s.stride.w] = from[j];
                }
            }
        }
    }
}

// Sums `vectors` vectors of one convolution row of `channels` output channels. x points at the
// row's first padded input row and first column, weight at the first output channel.
template <int channels, int vectors>
inline void sum(const PlainShape& s, const Plan& p, const float* x, const float* weight,
                const float* bias, float* to, ptrdiff_t to_channel) {
    Vec total[channels][vectors];
    for (int o = 0; o < channels; ++o) {
        for (int v = 0; v < vectors; ++v) total[o][v] = set1(bias[o]);
    }
    const ptrdiff_t per_channel = s.channels_in * s.kernel.h * s.kernel.w;
    for (ptrdiff_t c = 0; c < s.channels_in; ++c) {
        for (ptrdiff_t i = 0; i < s.kernel.h; ++i) {
            const float* row = x + c * p.plane + i * p.row;
            const float* taps = weight + (c * s.kernel.h + i) * s.kernel.w;
            ptrdiff_t phase = 0, column = 0;  // of tap j: j % stride, j / stride
            for (ptrdiff_t j = 0; j < s.kernel.w; ++j) {
                const float* from = row + phase * p.phase + column;
                Vec pixels[vectors];
                for (int v = 0; v < vectors; ++v) pixels[v] = load(from + v * kLanes);
                for (int o = 0; o < channels; ++o) {
                    const Vec tap = set1(taps[o * per_channel + j]);
                    for (int v = 0; v < vectors; ++v)
                        total[o][v] = fma(pixels[v], tap, total[o][v]);
                }
                if (++phase == s.stride.w) phase = 0, ++column;
            }
        }
    }
    for (int o = 0; o < channels; ++o) {
        for (int v = 0; v < vectors; ++v) store(to + o * to_channel + v * kLanes, total[o][v]);
    }
}

template <int channels>
inline void conv_row(const PlainShape& s, const Plan& p, const float* x, const float* weight,
                     const float* bias, float* to) {
    ptrdiff_t j = 0;
    for (; j + kVectors * kLanes <= p.conv_row; j += kVectors * kLanes) {
        sum<channels, kVectors>(s, p, x + j, weight, bias, to + j, p.conv_row);
    }
    for (; j + 2 * kLanes <= p.conv_row; j += 2 * kLanes) {
        sum<channels, 2>(s, p, x + j, weight, bias, to + j, p.conv_row);
    }
    for (; j < p.conv_row; j += kLanes)
        sum<channels, 1>(s, p, x + j, weight, bias, to + j, p.conv_row);
}

// The max-pool indices of one output row; see ConvKernel::run.
inline void indices_row(const PlainShape& s, const Plan& p, const float* ring, ptrdiff_t top,
                        ptrdiff_t first, ptrdiff_t last, unsigned char* indices) {
    for (ptrdiff_t j = 0; j < s.output.w; ++j) {
        const ptrdiff_t left = j * s.pool_stride.w - s.pool_padding.w;
        const ptrdiff_t start = max(0, left), end = min(s.conv.w, left + s.pool_kernel.w);
        float most = -__builtin_inff();
        ptrdiff_t index = (first - top) * s.pool_kernel.w + start - left;
        for (ptrdiff_t r = first; r < last; ++r) {
            const float* row = ring + r % s.pool_kernel.h * kChannels * p.conv_row;
            for (ptrdiff_t c = start; c < end; ++c) {
                if (row[c] > most || row[c] != row[c]) {
                    most = row[c], index = (r - top) * s.pool_kernel.w + c - left;
                }
            }
        }
        // NaN passes its gradient on.
        indices[j] = most <= 0.0f ? kNoIndex : static_cast<unsigned char>(index);
    }
}

// The same where no window hangs into padding and none holds NaN: branches would be mispredicted,
// so every window's taps are compared, also of those windows that the stride leaves out.
inline void indices_row_inside(const PlainShape& s, const Plan& p, const float* ring,
                               ptrdiff_t first, ptrdiff_t last, float* line,
                               unsigned char* indices) {
    const ptrdiff_t reach = (s.output.w - 1) * s.pool_stride.w + 1;
    for (ptrdiff_t j = 0; j < reach; j += kLanes) {
        Vec most = set1(-__builtin_inff()), index = zero();
        float tap = 0.0f;
        for (ptrdiff_t r = first; r < last; ++r) {
            const float* row = ring + r % s.pool_kernel.h * kChannels * p.conv_row + j;
            for (ptrdiff_t k = 0; k < s.pool_kernel.w; ++k, tap += 1.0f) {
                const Vec value = load(row + k);
                index = select_greater(value, most, set1(tap), index);
                most = max(most, value);
            }
        }
        store(line + j, select_greater(most, zero(), index, set1(kNoIndex)));
    }
    for (ptrdiff_t j = 0; j < s.output.w; ++j)
        indices[j] = static_cast<unsigned char>(line[j * s.pool_stride.w]);
}

inline bool any_nan(const float* y, ptrdiff_t count) {
    bool found = false;
    for (ptrdiff_t j = 0; j < count; ++j) found |= y[j] != y[j];
    return found;
}

inline bool run(const ConvShape& shape, const float* image, const void* prepared, float* y,
                unsigned char* indices, ptrdiff_t row0, ptrdiff_t row1, void* workspace,
                const float*) {
    const PlainShape& s = shape;
    const Plan p = plan(s);
    float* x = static_cast<float*>(workspace);
    float* ring = x + round_up(s.channels_in * p.plane, 16);
    float* line = ring + round_up(s.pool_kernel.h * kChannels * p.conv_row, 16);
    const float* biases = static_cast<const float*>(prepared);
    const float* weights = biases + s.channels_out;
    const ptrdiff_t per_channel = s.channels_in * s.kernel.h * s.kernel.w;
    const bool inside = s.pool_padding.h == 0 && s.pool_padding.w == 0;

    const ptrdiff_t conv0 = max(0, row0 * s.pool_stride.h - s.pool_padding.h);
    const ptrdiff_t conv1 =
        min(s.conv.h, (row1 - 1) * s.pool_stride.h - s.pool_padding.h + s.pool_kernel.h);
    const ptrdiff_t padded0 = conv0 * s.stride.h;
    pad(s, p, image, padded0, (conv1 - 1) * s.stride.h + s.kernel.h, x);

    for (ptrdiff_t o = 0; o < s.channels_out; o += kChannels) {
        const float* weight = weights + o * per_channel;
        const ptrdiff_t channels = min(kChannels, s.channels_out - o);
        ptrdiff_t done = conv0;  // convolution rows before this one stand in the ring
        for (ptrdiff_t r = row0; r < row1; ++r) {
            const ptrdiff_t top = r * s.pool_stride.h - s.pool_padding.h;
            const ptrdiff_t first = max(0, top), last = min(s.conv.h, top + s.pool_kernel.h);
            for (done = max(done, first); done < last; ++done) {
                const float* from = x + (done * s.stride.h - padded0) * p.row;
                float* to = ring + done % s.pool_kernel.h * kChannels * p.conv_row;
                switch (channels) {
                    case 1:
                        conv_row<1>(s, p, from, weight, biases + o, to);
                        break;
                    case 2:
                        conv_row<2>(s, p, from, weight, biases + o, to);
                        break;
                    case 3:
                        conv_row<3>(s, p, from, weight, biases + o, to);
                        break;
                    default:
                        conv_row<4>(s, p, from, weight, biases + o, to);
                }
            }
            for (ptrdiff_t i = 0; i < channels; ++i) {
                const ptrdiff_t to = ((o + i) * s.output.h + r) * s.output.w;
                const float* rows = ring + i * p.conv_row;
                const auto row = [&](ptrdiff_t n) {
                    return rows + n % s.pool_kernel.h * kChannels * p.conv_row;
                };
                pool::pool_row(s, row, p.conv_row, first, last, line, y + to);
                if (!indices) continue;
                if (inside && !any_nan(y + to, s.output.w)) {
                    indices_row_inside(s, p, rows, first, last, line, indices + to);
                } else {
                    indices_row(s, p, rows, top, first, last, indices + to);
                }
            }
        }
    }
    return true;
}

inline bool fits(const ConvShape& s, Precision) { return is_plain(s); }

constexpr ConvKernel kConvKernel = {"direct",       true,    false,           fits,
                                    prepared_bytes, prepare, workspace_bytes, run};

}  // namespace direct
