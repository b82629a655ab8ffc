// Depthwise convolutions. A strip of rows is copied between bytes that stand for zero, its columns
// sorted by what remains of them when they are divided by the stride, so that every tap of a row
// of results is one run of bytes. The vector lanes are pixels and channels of that row; four rows
// of the kernel are multiplied at once.

namespace fast {
namespace depthwise {

constexpr int kMostTaps = 7;
constexpr ptrdiff_t kMostWorkspace = ptrdiff_t{1} << 26, kStrip = 24576, kMostPhases = 128;

struct Plan {
    ptrdiff_t quads;    // of rows of the kernel
    ptrdiff_t outputs;  // rows of results that share them
    ptrdiff_t columns;  // of each phase of the stride
    ptrdiff_t row;      // bytes of a row of the strip
    ptrdiff_t strip;    // rows of results of a strip, a multiple of `outputs`
    ptrdiff_t phases;   // vectors of a row until the channels begin anew
    ptrdiff_t step;     // bytes of what is prepared for a vector
};

inline ptrdiff_t common(ptrdiff_t a, ptrdiff_t b) { return b == 0 ? a : common(b, a % b); }
inline ptrdiff_t in_rows(const Conv& c, ptrdiff_t rows) {
    return (rows - 1) * c.stride_h + (c.kernel_h - ptrdiff_t{1}) * c.dilation_h + 1;
}

inline Plan plan(const Conv& c) {
    Plan p;
    p.outputs = c.stride_h == 1 && c.dilation_h == 1 ? 2 : 1;
    p.quads = (c.kernel_h + p.outputs - 1 + 3) / 4;
    p.columns = c.out_w + (c.kernel_w - ptrdiff_t{1}) * c.dilation_w / c.stride_w;
    p.row = round_up(c.stride_w * p.columns * c.in_c + kBytes, 64);
    const ptrdiff_t more = (c.kernel_h - ptrdiff_t{1}) * c.dilation_h + 1 - c.stride_h;
    const ptrdiff_t rows = (kStrip / p.row - max(0, more)) / c.stride_h;
    p.strip = round_up(min(c.out_h, max(rows, 4)), p.outputs);
    p.phases = c.in_c / common(c.in_c, kBytes);
    p.step = kBytes * (8 + 4 * c.kernel_w * p.quads * p.outputs);
    return p;
}

inline ptrdiff_t workspace_bytes(const void* fields) {
    const Conv& c = as<Conv>(fields);
    const Plan p = plan(c);
    return in_rows(c, p.strip) * p.row + kByteSlack;
}
inline bool fits(const void* fields) {
    const Conv& c = as<Conv>(fields);
    return c.kernel_h <= kMostTaps && c.kernel_w <= kMostTaps && plan(c).phases <= kMostPhases &&
           c.stride_w <= 4 && workspace_bytes(fields) <= kMostWorkspace;
}
inline ptrdiff_t prepared_bytes(const void* fields) {
    const Plan p = plan(as<Conv>(fields));
    return p.phases * p.step;
}

// For each vector of a row, until the channels begin anew: bias, factor, and the weights
// [column][quad][output row][vector].
template <typename Dot>
bool prepare(const void* fields, const void* const* in, void* prepared) {
    const Conv& c = as<Conv>(fields);
    const Plan p = plan(c);
    const Parameters from(in);
    const ptrdiff_t channels = c.in_c, taps = static_cast<ptrdiff_t>(c.kernel_h) * c.kernel_w;
    if (!Dot::takes(from.weight, taps * channels)) return false;
    for (ptrdiff_t phase = 0; phase < p.phases; ++phase) {
        char* to = static_cast<char*>(prepared) + phase * p.step;
        for (ptrdiff_t at = 0; at < kBytes; ++at) {
            const ptrdiff_t k = (phase * kBytes + byte_of(at / kSums, at % kSums)) % channels;
            ptrdiff_t sum = 0, size = 0;
            for (ptrdiff_t tap = 0; tap < taps; ++tap) {
                const ptrdiff_t w = from.weight[tap * channels + k];
                sum += w, size += w < 0 ? -w : w;
            }
            if (!sums_fit(size, from.bias[k], from.factor[k])) return false;
            reinterpret_cast<int32_t*>(to)[at] =
                from.bias[k] + static_cast<int32_t>(Dot::kShift * sum);
            reinterpret_cast<float*>(to)[kBytes + at] = from.factor[k];
            for (ptrdiff_t column = 0; column < c.kernel_w; ++column) {
                for (ptrdiff_t row = 0; row < 4 * p.quads; ++row) {
                    for (ptrdiff_t output = 0; output < p.outputs; ++output) {
                        const ptrdiff_t own = row - output;  // row of the kernel
                        const bool known = own >= 0 && own < c.kernel_h;
                        const ptrdiff_t place = (column * p.quads + row / 4) * p.outputs + output;
                        to[8 * kBytes + (place * kBytes + at) * 4 + row % 4] = static_cast<char>(
                            known ? from.weight[(own * c.kernel_w + column) * channels + k] : 0);
                    }
                }
            }
        }
    }
    return true;
}

// Rows of the strip, of which the first is input row `top`.
inline void copy_strip(const Conv& c, const Plan& p, const uint8_t* x, ptrdiff_t top,
                       ptrdiff_t rows, uint8_t* to) {
    if (c.stride_w == 1) return copy_rows(c, x, top, rows, p.row, to);
    const ptrdiff_t channels = c.in_c, all = c.stride_w * p.columns * channels;
    const Bytes zeros = every(c.zero);
    for (ptrdiff_t r = 0; r < rows; ++r) {
        const bool outside = top + r < 0 || top + r >= c.in_h;
        const ptrdiff_t from = outside ? 0 : all;
        fill(to + r * p.row + from, zeros, p.row - from);
    }
    const ptrdiff_t first = max(0, -top), last = min(rows, c.in_h - top);
    for (ptrdiff_t phase = 0; phase < c.stride_w; ++phase, to += p.columns * channels) {
        // From the first column in the image to the last one.
        const ptrdiff_t before = max(0, (c.pad_w - phase + c.stride_w - 1) / c.stride_w);
        const ptrdiff_t start = min(before, p.columns), left = start * c.stride_w + phase - c.pad_w;
        const ptrdiff_t inside = max(0, (c.in_w - left + c.stride_w - 1) / c.stride_w);
        const ptrdiff_t end = min(p.columns, start + inside);
        for (ptrdiff_t r = first; r < last; ++r) {
            const uint8_t* from = x + ((top + r) * c.in_w + left) * channels;
            uint8_t* at = to + r * p.row;
            fill(at, zeros, start * channels);
            copy_pixels(at + start * channels, from, channels, c.stride_w * channels, end - start);
            fill(at + end * channels, zeros, (p.columns - end) * channels);
        }
    }
}

// A vector of a row of results, or of two rows; `three` columns of a quad, or any.
template <typename Dot, int outputs, bool three>
inline void sums_of(const Plan& p, int columns, const ptrdiff_t* taps, const uint8_t* const* rows,
                    ptrdiff_t at, const char* constants, Sums (&sum)[outputs][4]) {
    for (int k = 0; k < 4; ++k) {
        const Sums bias = load_sums(constants + k * kBytes);
        for (int output = 0; output < outputs; ++output) sum[output][k] = bias;
    }
    const char* w = constants + 8 * kBytes;
#pragma GCC unroll 3
    for (int column = 0; column < (three ? 3 : columns); ++column) {
        for (ptrdiff_t quad = 0; quad < (three ? 1 : p.quads); ++quad) {
            const uint8_t* const four_rows[4] = {rows[4 * quad], rows[4 * quad + 1],
                                                 rows[4 * quad + 2], rows[4 * quad + 3]};
            Bytes x[4];
            interleave(four_rows, at + taps[column], x);
#pragma GCC unroll 2
            for (int output = 0; output < outputs; ++output) {
#pragma GCC unroll 4
                for (int k = 0; k < 4; ++k, w += kBytes)
                    sum[output][k] = Dot::dot(sum[output][k], x[k], load(w));
            }
        }
    }
}

// A row of results whose pixels are whole vectors: four rows of an input pixel change places once
// for the three results that see them. Weights and sums fill 24 registers.
template <typename Dot>
void run_whole(const Conv& c, const Plan& p, const char* prepared, const uint8_t* const* rows,
               ptrdiff_t output, uint8_t* y) {
    for (ptrdiff_t phase = 0; phase < p.phases; ++phase) {
        const char* constants = prepared + phase * p.step;
        const auto* factor = reinterpret_cast<const float*>(constants) + kBytes;
        Bytes w[3][4];
        Sums sum[3][4];
#pragma GCC unroll 3
        for (int t = 0; t < 3; ++t) {
#pragma GCC unroll 4
            for (int k = 0; k < 4; ++k)
                w[t][k] = load(constants + (8 + (t * p.outputs + output) * 4 + k) * kBytes);
        }
        for (int k = 0; k < 4; ++k) sum[1][k] = sum[2][k] = zero();
        const ptrdiff_t end = c.out_w + 2;
        ptrdiff_t at = phase * kBytes;
        for (ptrdiff_t column = 0; column < end; ++column, at += c.in_c) {
            const uint8_t* const four_rows[4] = {rows[0], rows[1], rows[2], rows[3]};
            Bytes x[4];
            interleave(four_rows, at, x);
#pragma GCC unroll 4
            for (int k = 0; k < 4; ++k) {
                sum[0][k] = Dot::dot(load_sums(constants + k * kBytes), x[k], w[0][k]);
                sum[1][k] = Dot::dot(sum[1][k], x[k], w[1][k]);
                sum[2][k] = Dot::dot(sum[2][k], x[k], w[2][k]);
            }
            if (column >= 2) store(y + at - 2 * c.in_c, as_bytes(sum[2], factor, c.zero_y));
#pragma GCC unroll 4
            for (int k = 0; k < 4; ++k) sum[2][k] = sum[1][k], sum[1][k] = sum[0][k];
        }
    }
}

template <typename Dot, int outputs, bool three>
void run_rows(const Conv& c, const Plan& p, const char* prepared, const uint8_t* strip, uint8_t* y,
              ptrdiff_t count) {
    const ptrdiff_t bytes = static_cast<ptrdiff_t>(c.out_w) * c.out_c;
    ptrdiff_t taps[kMostTaps];
    for (ptrdiff_t t = 0; t < c.kernel_w; ++t) {
        const ptrdiff_t column = t * c.dilation_w;
        taps[t] = (column % c.stride_w * p.columns + column / c.stride_w) * c.in_c;
    }
    const uint8_t* rows[8];
    for (ptrdiff_t r = 0; r < 4 * p.quads; ++r)  // those behind the kernel have weights of zero
        rows[r] = strip + min(r * c.dilation_h, in_rows(c, count) - 1) * p.row;
    if constexpr (three && kRegisters == 32) {
        if (c.in_c % kBytes == 0 && c.stride_w == 1 && c.dilation_w == 1) {
            for (ptrdiff_t output = 0; output < min(outputs, count); ++output)
                run_whole<Dot>(c, p, prepared, rows, output, y + output * bytes);
            return;
        }
    }
    ptrdiff_t phase = 0;
    for (ptrdiff_t at = 0; at < bytes; at += kBytes) {
        const char* constants = prepared + phase * p.step;
        Sums sum[outputs][4];
        sums_of<Dot, outputs, three>(p, c.kernel_w, taps, rows, at, constants, sum);
        const auto* factor = reinterpret_cast<const float*>(constants) + kBytes;
        for (int output = 0; output < outputs && output < count; ++output) {
            const Bytes made = as_bytes(sum[output], factor, c.zero_y);
            uint8_t* to = y + output * bytes + at;
            if (at + kBytes <= bytes) {
                store(to, made);
            } else {
                store_some(to, made, bytes - at);
            }
        }
        phase = phase + 1 == p.phases ? 0 : phase + 1;
    }
}

inline ptrdiff_t parts(const void* fields) { return as<Conv>(fields).out_h; }

template <typename Dot>
void run(const void* fields, const void* prepared, const void* const* in, void* y,
         uint8_t* workspace, ptrdiff_t first, ptrdiff_t end) {
    const Conv& c = as<Conv>(fields);
    const Plan p = plan(c);
    const auto* constants = static_cast<const char*>(prepared);
    const bool three = c.kernel_w == 3 && p.quads == 1;
    const auto rows_of = p.outputs == 2
                             ? (three ? run_rows<Dot, 2, true> : run_rows<Dot, 2, false>)
                             : (three ? run_rows<Dot, 1, true> : run_rows<Dot, 1, false>);
    for (ptrdiff_t top = first; top < end; top += p.strip) {
        const ptrdiff_t count = min(p.strip, end - top);
        copy_strip(c, p, of<uint8_t>(in[3]), top * c.stride_h - c.pad_h, in_rows(c, count),
                   workspace);
        for (ptrdiff_t row = 0; row < count; row += p.outputs) {
            const uint8_t* from = workspace + row * c.stride_h * p.row;
            uint8_t* to = static_cast<uint8_t*>(y) + (top + row) * c.out_w * c.out_c;
            const ptrdiff_t left = min(p.outputs, count - row);
            rows_of(c, p, constants, from, to, left);
        }
    }
}

template <typename Dot>
constexpr ByteAlgorithm algorithm(const char* name) {
    return {name,         "depthwise",     fits,  prepared_bytes,
            prepare<Dot>, workspace_bytes, parts, run<Dot>};
}

}  // namespace depthwise
}  // namespace fast
