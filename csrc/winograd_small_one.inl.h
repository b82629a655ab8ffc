// Few channels by Winograd's F(2x2, 3x3): the product of one input channel, where V stays in
// registers for all output channels. After winograd_small_output.

namespace winograd_small {

// One column's t0 and t1 of one vector of tiles, of its weights w and M1.
inline void column(const float* w, const Vec (&v)[4], Vec m1, Vec& t0, Vec& t1) {
    const Vec u2 = set1(w[1]);
    t0 = fma(set1(w[2]), v[0], fma(u2, v[2], m1));
    t1 = fma(set1(w[3]), v[3], fnma(u2, v[2], m1));
}

// One column's products, which start from t0 and t1.
inline void add_column(const float* w, const Vec (&v)[4], Vec& t0, Vec& t1) {
    const Vec u1 = set1(w[0]), u2 = set1(w[1]);
    t0 = fma(set1(w[2]), v[0], fma(u2, v[2], fma(u1, v[1], t0)));
    t1 = fma(set1(w[3]), v[3], fnma(u2, v[2], fma(u1, v[1], t1)));
}

// The transform along y of the tiles at the column's first plane.
inline void rows(const Plan& p, const float* r0, Vec (&v)[4]) {
    const float* r1 = r0 + 4 * p.plane;
    const Vec a = load(r0), b = load(r1), c = load(r0 + p.pitch), d = load(r1 + p.pitch);
    v[0] = sub(a, c), v[1] = add(b, c), v[2] = sub(c, b), v[3] = sub(d, b);
}

// A vector of tiles of `channels` output channels, whose weights begin at u; V in registers.
template <int channels>
inline void outputs(const Vec (&v)[4][4], const float* u, const float* biases,
                    Vec (&y)[channels][4]) {
#pragma GCC unroll 2
    for (int o = 0; o < channels; ++o, u += 16) {
        Vec a, b, c, d;
        column(u, v[1], fma(set1(*u), v[1][1], set1(biases[o])), a, b);
        column(u + 4, v[2], mul(set1(u[4]), v[2][1]), c, d);
        y[o][0] = add(a, c), y[o][1] = sub(a, c);
        y[o][2] = add(b, d), y[o][3] = sub(b, d);
        add_column(u + 8, v[0], y[o][0], y[o][2]);
        add_column(u + 12, v[3], y[o][1], y[o][3]);
    }
}

// V's 16 vectors stay in registers.
template <bool plain>
inline void one_channel_at_once(const Shape& s, const Plan& p, const float* planes,
                                const float* biases, const Output& out, const Segment& to) {
    Vec v[4][4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) rows(p, planes + j * p.plane, v[j]);
    const long channels = s.channels_out;  // not read again after every store
    const float* u = biases + channels;
    long o = 0;
    for (; o + 2 <= channels; o += 2) {
        Vec y[2][4];
        outputs<2>(v, u + o * 16, biases + o, y);
        finish<plain>(p, out, to, o, y[0]);
        finish<plain>(p, out, to, o + 1, y[1]);
    }
    for (; o < channels; ++o) {
        Vec y[1][4];
        outputs<1>(v, u + o * 16, biases + o, y);
        finish<plain>(p, out, to, o, y[0]);
    }
}

// 8 vectors of V at a time stay in registers.
template <bool plain>
inline void one_channel_in_two(const Shape& s, const Plan& p, const float* planes,
                               const float* biases, const Output& out, const Segment& to,
                               float* waiting) {
    const long channels = s.channels_out;
    const float* u = biases + channels;
    Vec v[4], z[4];
    rows(p, planes + p.plane, v);
    rows(p, planes + 2 * p.plane, z);
    for (long o = 0; o < channels; ++o) {
        Vec a, b, c, d;
        column(u + o * 16, v, fma(set1(u[o * 16]), v[1], set1(biases[o])), a, b);
        column(u + o * 16 + 4, z, mul(set1(u[o * 16 + 4]), z[1]), c, d);
        float* w = waiting + o * 4 * kLanes;
        store(w, add(a, c));
        store(w + kLanes, sub(a, c));
        store(w + 2 * kLanes, add(b, d));
        store(w + 3 * kLanes, sub(b, d));
    }
    rows(p, planes, v);
    rows(p, planes + 3 * p.plane, z);
    for (long o = 0; o < channels; ++o) {
        const float* w = waiting + o * 4 * kLanes;
        Vec y[4] = {load(w), load(w + kLanes), load(w + 2 * kLanes), load(w + 3 * kLanes)};
        add_column(u + o * 16 + 8, v, y[0], y[2]);
        add_column(u + o * 16 + 12, z, y[1], y[3]);
        finish<plain>(p, out, to, o, y);
    }
}

template <bool plain>
inline void one_channel(const Shape& s, const Plan& p, const float* planes, const float* biases,
                        const Output& out, const Segment& to, float* waiting) {
    if constexpr (kRegisters >= 32) {
        one_channel_at_once<plain>(s, p, planes, biases, out, to);
    } else {
        one_channel_in_two<plain>(s, p, planes, biases, out, to, waiting);
    }
}

inline void one_channel(const Shape& s, const Plan& p, const float* planes, const float* biases,
                        const Output& out, float* waiting) {
    for (long t = 0; t < out.rows * p.pitch; t += kLanes) {
        const Segment to = segment(p, out, t);
        if (is_plain(out, to)) {
            one_channel<true>(s, p, planes + t, biases, out, to, waiting);
        } else {
            one_channel<false>(s, p, planes + t, biases, out, to, waiting);
        }
    }
}

}  // namespace winograd_small
