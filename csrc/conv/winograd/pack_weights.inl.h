// The weights' transform of conv.inl.h. After plan.inl.h.

namespace winograd {

// One input channel of a panel: w [kTaps^2] -> planes [kPlanes], `plane` floats apart, `width`
// channels each.
template <typename F>
inline void transform(const Doubles (&w)[F::kTaps][F::kTaps], ptrdiff_t width, float* to,
                      ptrdiff_t plane) {
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
                for (ptrdiff_t co = 0; co < width; ++co) to[co] = u[co];
            }
        }
    }
}

// The taps of kLanes kernels, which begin at at(lane) or are zero where that is null: two panels.
static_assert(kLanes == 2 * kPanel, "");
template <typename F, typename At>
inline void gather_taps(At at, Doubles (&w)[2][F::kTaps][F::kTaps]) {
    constexpr int kCount = F::kTaps * F::kTaps;
    alignas(64) float taps[round_up(kCount, kLanes)][kLanes];
    for (int first = 0; first < kCount; first += kLanes) {
        const Mask some = mask_lanes(0, kCount - first);
        Vec r[kLanes];
        for (int lane = 0; lane < kLanes; ++lane) {
            const float* from = at(lane);
            r[lane] = from ? load_mask(from + first, some) : zero();
        }
        transpose(r);
        for (int i = 0; i < kLanes; ++i) store(taps[first + i], r[i]);
    }
#pragma GCC unroll 64
    for (int i = 0; i < 2 * kCount; ++i) {
        const int panel = i / kCount, t = i % kCount;
        Floats tap;
        __builtin_memcpy(&tap, taps[t] + panel * kPanel, sizeof tap);
        w[panel][t / F::kTaps][t % F::kTaps] = __builtin_convertvector(tap, Doubles);
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
bool prepare(const ConvShape& s, const float* weight, const float* bias, void* prepared) {
    constexpr int kCount = F::kTaps * F::kTaps;
    const ptrdiff_t cin = s.channels_in, cout = s.channels_out;
    float* u = static_cast<float*>(prepared);
    float* biases = u + F::kPlanes * P::weight_floats(s);
    bool tame = true;
    for (ptrdiff_t co = 0; co < cout; ++co) {
        const float* from = weight + co * cin * kCount;
        Magnitude most = no_magnitude();
        for (ptrdiff_t i = 0; i < cin * kCount; i += kLanes)
            most = magnitude(most, load_mask(from + i, mask_lanes(0, cin * kCount - i)));
        biases[co] = bias ? bias[co] : 0.0f;
        tame &= in_range<P>(most, kWeightLimit) && biases[co] < kInputLimit &&
                biases[co] > -kInputLimit;
    }
    if (!tame) return false;
    P::template put_weights<F>(s, weight, u);
    return true;
}

}  // namespace winograd
