// Sizes, weights and input of few_inputs.inl.h, which says what they are for.

namespace few_inputs {

constexpr int kPoints = 5;
constexpr ptrdiff_t kMostIn = 4;        // input channels
constexpr int kPoolMost = 16;           // rows of a pool window
constexpr float kInputLimit = 0x1p20f;  // as those of conv/winograd
constexpr float kWeightLimit = 0x1p40f;

// Vectors of output channels in a register block, and pixels: kPixels x kVectors accumulators.
constexpr int pixels(int vectors) {
    return kRegisters >= 32 ? (vectors == 3 ? 9 : 14) : (vectors == 3 ? 4 : vectors == 2 ? 6 : 12);
}

constexpr bool uses(ptrdiff_t taps, int point) {
    return point == 0 || point == kPoints - 1 || point < taps;
}

struct Plan {
    PlainShape s;
    ptrdiff_t conv_h, conv_w;
    bool pairs;  // two rows at a time, else one, directly
    ptrdiff_t phases;
    ptrdiff_t width;               // floats in a transformed row
    ptrdiff_t channels;            // Cout rounded up to vectors
    ptrdiff_t rows[kPoints];       // transformed rows that a point sums over
    ptrdiff_t first_row[kPoints];  // where they start
    ptrdiff_t all_rows;
    ptrdiff_t ring;  // conv rows kept
};

constexpr int kStripe = 28;  // pixels whose products for all points are held at once

inline ptrdiff_t taps(const PlainShape& s, ptrdiff_t phase) {
    return (s.kernel.h - phase + s.stride.h - 1) / s.stride.h;
}
inline ptrdiff_t phase_taps(const Plan& p, ptrdiff_t phase) {
    return p.pairs ? taps(p.s, phase) : 1;
}

inline Plan plan(const ConvShape& s) {
    Plan p;
    p.s = s;
    p.conv_h = (s.input.h + 2 * s.padding.h - s.kernel.h) / s.stride.h + 1;
    p.conv_w = (s.input.w + 2 * s.padding.w - s.kernel.w) / s.stride.w + 1;
    p.pairs = taps(s, 0) < kPoints;
    p.phases = p.pairs ? min(s.stride.h, s.kernel.h) : s.kernel.h;
    p.channels = round_up(s.channels_out, kLanes);
    const ptrdiff_t blocks = p.channels / kLanes % 3 == 0 ? round_up(p.conv_w, pixels(3))
                                                          : max(round_up(p.conv_w, pixels(2)),
                                                                round_up(p.conv_w, pixels(1)));
    p.width = round_up((blocks - 1) * s.stride.w + s.kernel.w, kLanes);
    p.all_rows = 0;
    for (int point = 0; point < kPoints; ++point) {
        p.rows[point] = 0;
        p.first_row[point] = p.all_rows;
        for (ptrdiff_t f = 0; f < p.phases; ++f)
            if (p.pairs ? uses(taps(s, f), point) : point == 0) p.rows[point] += s.channels_in;
        p.all_rows += p.rows[point];
    }
    p.ring = s.pool_kernel.h + 1;
    return p;
}

inline ptrdiff_t prepared_floats(const Plan& p) {
    return (p.all_rows * p.s.kernel.w + 1) * p.channels;
}
inline ptrdiff_t workspace_floats(const Plan& p) {
    return p.all_rows * p.width + kPoints * kStripe * 3 * kLanes + p.ring * p.conv_w * p.channels;
}

// Input side: transformed row = sum over i of kInput[taps - 1][point][i] (i-th input row of the
// phase). Filter side: the polynomial of the taps at the point, divided by kScale. Columns: 0, 1,
// -1, 2, infinity.
constexpr float kInput[4][kPoints][5] = {
    {{1}, {}, {}, {}, {0, 1}},
    {{1, -1}, {0, 1}, {}, {}, {0, -1, 1}},
    {{-1, 0, 1}, {0, 1, 1}, {0, -1, 1}, {}, {0, -1, 0, 1}},
    {{2, -1, -2, 1}, {0, -2, -1, 1}, {0, 2, -3, 1}, {0, -1, 0, 1}, {0, 2, -1, -2, 1}}};
constexpr double kScale[4][kPoints] = {
    {1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}, {-1, 2, 2, 1, 1}, {2, -2, -6, 6, 1}};
constexpr double kAt[kPoints] = {0, 1, -1, 2, 0};

// ---- weights ----

// Vectors in the panel that starts at vector v of n.
inline ptrdiff_t panel_vectors(ptrdiff_t v, ptrdiff_t n) { return n % 3 == 0 ? 3 : min(2, n - v); }

// weight [Cout][Cin][kh][kw], bias [Cout] or null -> prepared
// [panel][point][phase][Cin][kw][channels of the panel], bias; false where a weight is too large or
// not finite.
inline bool prepare(const float* weight, const float* bias, const Plan& p, float* prepared) {
    const PlainShape& s = p.s;
    bool tame = true;
    for (ptrdiff_t i = 0; i < s.channels_out * s.channels_in * s.kernel.h * s.kernel.w; ++i)
        tame &= weight[i] < kWeightLimit && weight[i] > -kWeightLimit;
    float* to = prepared;
    const ptrdiff_t vectors = p.channels / kLanes;
    for (ptrdiff_t v = 0; v < vectors; v += panel_vectors(v, vectors))
        for (int point = 0; point < kPoints; ++point)
            for (ptrdiff_t f = 0; f < p.phases; ++f) {
                const ptrdiff_t t = phase_taps(p, f);
                if (p.pairs ? !uses(t, point) : point > 0) continue;
                for (ptrdiff_t ci = 0; ci < s.channels_in; ++ci)
                    for (ptrdiff_t kx = 0; kx < s.kernel.w; ++kx)
                        for (ptrdiff_t lane = 0; lane < panel_vectors(v, vectors) * kLanes;
                             ++lane) {
                            const ptrdiff_t co = v * kLanes + lane;
                            double sum = 0;
                            if (co < s.channels_out) {
                                const float* w =
                                    weight + (co * s.channels_in + ci) * s.kernel.h * s.kernel.w +
                                    kx;
                                double power = 1;
                                for (ptrdiff_t i = 0; i < t; ++i, power *= kAt[point])
                                    sum +=
                                        (point == kPoints - 1 ? i == t - 1 : power) *
                                        static_cast<double>(w[(f + i * s.stride.h) * s.kernel.w]);
                            }
                            *to++ = static_cast<float>(sum / kScale[t - 1][point]);
                        }
            }
    for (ptrdiff_t co = 0; co < p.channels; ++co) {
        const float b = bias && co < s.channels_out ? bias[co] : 0.0f;
        tame &= b < kInputLimit && b > -kInputLimit;
        *to++ = b;
    }
    return tame;
}

// ---- input ----

// All transformed rows of one phase for conv rows y and y + 1, one input channel: `row` is the
// first input row.
template <int kTaps>
void input_rows(const float* x, const Plan& p, ptrdiff_t row, float* const (&to)[kPoints]) {
    const PlainShape& s = p.s;
    for (ptrdiff_t c = 0; c < p.width; c += kLanes) {
        const Mask inside = mask_lanes(s.padding.w - c, s.input.w + s.padding.w - c);
        Vec d[kTaps + 1];
#pragma GCC unroll 5
        for (int i = 0; i <= kTaps; ++i) {
            const ptrdiff_t y = row + i * s.stride.h;
            d[i] = y >= 0 && y < s.input.h ? load_mask(x + y * s.input.w + c - s.padding.w, inside)
                                           : zero();
        }
#pragma GCC unroll 5
        for (int point = 0; point < kPoints; ++point) {
            if (!uses(kTaps, point) || !to[point]) continue;
            const float* factor = kInput[kTaps - 1][point];
            Vec sum = zero();
#pragma GCC unroll 5
            for (int i = 0; i <= kTaps; ++i) {
                if (factor[i] == 1)
                    sum = add(sum, d[i]);
                else if (factor[i] == -1)
                    sum = sub(sum, d[i]);
                else if (factor[i] != 0)
                    sum = fma(set1(factor[i]), d[i], sum);
            }
            store(to[point] + c, sum);
        }
    }
}

inline void input_pair(const float* x, const Plan& p, ptrdiff_t y, float* v) {
    const PlainShape& s = p.s;
    ptrdiff_t at[kPoints];
    for (int point = 0; point < kPoints; ++point) at[point] = p.first_row[point];
    for (ptrdiff_t f = 0; f < p.phases; ++f) {
        const ptrdiff_t t = phase_taps(p, f);
        for (ptrdiff_t ci = 0; ci < s.channels_in; ++ci) {
            const float* from = x + ci * s.input.h * s.input.w;
            const ptrdiff_t row = y * s.stride.h - s.padding.h + f;
            float* to[kPoints] = {};
            for (int point = 0; point < (p.pairs ? kPoints : 1); ++point)
                if (uses(t, point)) to[point] = v + at[point]++ * p.width;
            if (t == 1) input_rows<1>(from, p, row, to);
            if (t == 2) input_rows<2>(from, p, row, to);
            if (t == 3) input_rows<3>(from, p, row, to);
            if (t == 4) input_rows<4>(from, p, row, to);
        }
    }
}

inline bool tame(const float* x, const PlainShape& s, ptrdiff_t first, ptrdiff_t last) {
    Magnitude most = no_magnitude();
    for (ptrdiff_t ci = 0; ci < s.channels_in; ++ci) {
        const float* from = x + (ci * s.input.h + first) * s.input.w;
        const ptrdiff_t count = (last - first) * s.input.w;
        ptrdiff_t i = 0;
        for (; i + kLanes <= count; i += kLanes) most = magnitude(most, load(from + i));
        if (i < count) most = magnitude(most, load_mask(from + i, mask_lanes(0, count - i)));
    }
    return below(most, kInputLimit);
}

}  // namespace few_inputs
