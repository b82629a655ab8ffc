// The weights' transform of winograd.inl.h. After winograd_plan.

namespace winograd {

// One input channel of a panel: w [kTaps^2] -> planes [kPlanes], `plane` floats apart, `width`
// channels each.
template <typename F>
inline void transform(const Doubles (&w)[F::kTaps][F::kTaps], long width, float* to, long plane) {
    Doubles half[F::kTaps][F::kRows];  // [column of w][row]
#pragma GCC unroll 8
    for (int x = 0; x < F::kTaps; ++x) {
        Doubles column[F::kTaps];
#pragma GCC unroll 8
        for (int i = 0; i < F::kTaps; ++i) column[i] = w[i][x];
        weights_1d(column, half[x]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < F::kRows; ++i) {
        Doubles row[F::kTaps], t[F::kColumns];
#pragma GCC unroll 8
        for (int x = 0; x < F::kTaps; ++x) row[x] = half[x][i];
        weights_1d(row, t);
#pragma GCC unroll 8
        for (int j = 0; j < F::kColumns; ++j, to += plane) {
            const Floats u = __builtin_convertvector(t[j], Floats);
            if (width == kPanel) {
                __builtin_memcpy(to, &u, sizeof u);
            } else {
                for (long co = 0; co < width; ++co) to[co] = u[co];
            }
        }
    }
}

// Taps of `inputs` (1 or 2) neighbouring input channels, kCount each, of `width` output channels
// that are `stride` apart -> [tap][input channel][kPanel]. Two of them fill a vector.
static_assert(kLanes == 2 * kPanel, "");
template <int kCount>
inline void gather_taps(const float* from, long stride, long width, long inputs,
                        float (*taps)[kLanes]) {
    for (int first = 0; first < kCount; first += kLanes) {
        const Mask some = mask_lanes(0, kCount - first);
        Vec r[kLanes];
        for (int i = 0; i < kLanes; ++i)
            r[i] = i % kPanel < width && i / kPanel < inputs
                       ? load_mask(from + i % kPanel * stride + i / kPanel * kCount + first, some)
                       : zero();
        transpose(r);
        for (int i = 0; i < kLanes; ++i) store(taps[first + i], r[i]);
    }
}

// Whether the largest magnitude is one that a product P computes with: nothing but zeros, or within
// limits between which its transforms and parts keep their precision.
template <typename P>
inline bool in_range(Magnitude most, float limit) {
    return below(most, limit) && (!below(most, P::kLeast) || below(most, __FLT_DENORM_MIN__));
}

// weight [Cout][Cin][kTaps][kTaps], bias [Cout] or null -> U [k] in the order of P, bias; false
// where a weight is too large or not finite, or all those of a channel are too small.
template <typename F, typename P>
bool prepare(const Shape& s, const float* weight, const float* bias, void* prepared) {
    constexpr int kCount = F::kTaps * F::kTaps;
    const long cin = s.channels_in, cout = s.channels_out;
    float* u = static_cast<float*>(prepared);
    float* biases = u + F::kPlanes * P::weight_floats(s);
    bool tame = true;
    for (long co = 0; co < cout; ++co) {
        const float* from = weight + co * cin * kCount;
        Magnitude most = no_magnitude();
        for (long i = 0; i < cin * kCount; i += kLanes)
            most = magnitude(most, load_mask(from + i, mask_lanes(0, cin * kCount - i)));
        biases[co] = bias ? bias[co] : 0.0f;
        tame &= in_range<P>(most, kWeightLimit) && biases[co] < kInputLimit &&
                biases[co] > -kInputLimit;
    }
    if (!tame) return false;
    P::template clear_weights<F>(s, u);
    for (long co = 0; co < cout; co += kPanel) {
        const long width = min(kPanel, cout - co);
        for (long ci = 0; ci < cin; ci += 2) {
            const long inputs = min(2, cin - ci);
            alignas(64) float taps[round_up(kCount, kLanes)][kLanes];
            gather_taps<kCount>(weight + (co * cin + ci) * kCount, cin * kCount, width, inputs,
                                taps);
            Doubles w[2][F::kTaps][F::kTaps];
#pragma GCC unroll 32
            for (int i = 0; i < 2 * kCount; ++i) {
                Floats tap;
                const int c = i / kCount, t = i % kCount;
                __builtin_memcpy(&tap, taps[t] + c * kPanel, sizeof tap);
                w[c][t / F::kTaps][t % F::kTaps] = __builtin_convertvector(tap, Doubles);
            }
            P::template put_weights<F>(s, w, co, width, ci, inputs, u);
        }
    }
    return true;
}

}  // namespace winograd
