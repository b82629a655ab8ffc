// The gradients of conv → ReLU → max-pool. Only one convolution pixel of each pool window, the
// winner, carries a gradient, and none where ReLU gave zero: a few taps per pooled pixel instead of
// three dense passes.
//
// Channels stand last, so that the taps of one kernel row are neighbouring floats:
// x[row][column][Cin], padded with zeros, and weights[Cout][kernel row][kernel column][Cin], each
// kernel row filled up to whole vectors.

namespace gradient {

struct Plan {
    long columns;  // floats of a padded row
    long padded;   // floats of a padded image, and a vector that the last tap may read beyond it
    long reach;    // floats of a kernel row
    long vectors;  // vectors of a kernel row
    long kernel;   // floats of one output channel's weights
};

inline Plan plan(const Shape& s) {
    Plan p;
    p.columns = (s.input.w + 2 * s.padding.w) * s.channels_in;
    p.padded = round_up((s.input.h + 2 * s.padding.h) * p.columns + kLanes, kLanes);
    p.reach = s.kernel.w * s.channels_in;
    p.vectors = (p.reach + kLanes - 1) / kLanes;
    p.kernel = s.kernel.h * p.vectors * kLanes;
    return p;
}

inline size_t weight_bytes(const Shape& s) {
    return sizeof(float) * s.channels_out * plan(s).kernel;
}

inline size_t workspace_bytes(const Shape& s) {
    const long pixels = round_up(s.output.h * s.output.w + 1, 16);
    return 2 * sizeof(float) * plan(s).padded + (sizeof(float) + sizeof(int)) * pixels +
           sizeof(int) * 256;
}

// [Cout][Cin][kernel rows][kernel columns] -> our order, zero where a kernel row is filled up.
inline void pack_weights(const Shape& s, const float* weight, float* packed) {
    const Plan p = plan(s);
    for (long i = 0; i < s.channels_out * p.kernel; ++i) packed[i] = 0.0f;
    for (long o = 0; o < s.channels_out; ++o) {
        for (long c = 0; c < s.channels_in; ++c) {
            for (long i = 0; i < s.kernel.h; ++i) {
                for (long j = 0; j < s.kernel.w; ++j) {
                    packed[o * p.kernel + i * p.vectors * kLanes + j * s.channels_in + c] =
                        *weight++;
                }
            }
        }
    }
}

// The way back, added to the weights' gradient.
inline void unpack_weights(const Shape& s, const float* packed, float* weight) {
    const Plan p = plan(s);
    for (long o = 0; o < s.channels_out; ++o) {
        for (long c = 0; c < s.channels_in; ++c) {
            for (long i = 0; i < s.kernel.h; ++i) {
                for (long j = 0; j < s.kernel.w; ++j) {
                    *weight++ +=
                        packed[o * p.kernel + i * p.vectors * kLanes + j * s.channels_in + c];
                }
            }
        }
    }
}

inline void pad(const Shape& s, const Plan& p, const float* x, float* padded) {
    for (long i = 0; i < p.padded; ++i) padded[i] = 0.0f;
    for (long c = 0; c < s.channels_in; ++c) {
        for (long r = 0; r < s.input.h; ++r) {
            float* to = padded + (r + s.padding.h) * p.columns + s.padding.w * s.channels_in + c;
            for (long j = 0; j < s.input.w; ++j) to[j * s.channels_in] = *x++;
        }
    }
}

inline void unpad(const Shape& s, const Plan& p, const float* padded, float* x) {
    for (long c = 0; c < s.channels_in; ++c) {
        for (long r = 0; r < s.input.h; ++r) {
            const float* from =
                padded + (r + s.padding.h) * p.columns + s.padding.w * s.channels_in + c;
            for (long j = 0; j < s.input.w; ++j) *x++ = from[j * s.channels_in];
        }
    }
}

// The pooled pixels of one channel that carry a gradient: where their first tap stands, and the
// gradient.
struct Active {
    int* at;
    float* value;
    long count;
};

inline void gather(const Shape& s, const Plan& p, const float* grad, const unsigned char* winners,
                   const int* taps, Active& active) {
    long n = 0;
    for (long r = 0; r < s.output.h; ++r) {
        const long top = (r * s.pool_stride.h - s.pool_padding.h) * s.stride.h;
        for (long c = 0; c < s.output.w; ++c, ++grad, ++winners) {
            const long left = (c * s.pool_stride.w - s.pool_padding.w) * s.stride.w;
            active.at[n] =
                static_cast<int>(top * p.columns + left * s.channels_in) + taps[*winners];
            active.value[n] = *grad;
            n += *winners != kNoWinner;
        }
    }
    active.count = n;
}

// Adds to one channel's weight gradient. `rows` kernel rows of one vector each stay in registers.
template <int rows>
inline void add_weights_short(const Plan& p, const float* x, const Active& a, float* dw) {
    Vec even[rows],
        odd[rows];  // two sums, so that additions of neighbouring pixels do not wait for each other
    for (int i = 0; i < rows; ++i) even[i] = load(dw + i * kLanes), odd[i] = zero();
    long n = 0;
    for (; n + 1 < a.count; n += 2) {
        const Vec g = set1(a.value[n]), h = set1(a.value[n + 1]);
        for (int i = 0; i < rows; ++i) {
            even[i] = fma(g, load(x + a.at[n] + i * p.columns), even[i]);
            odd[i] = fma(h, load(x + a.at[n + 1] + i * p.columns), odd[i]);
        }
    }
    for (; n < a.count; ++n) {
        for (int i = 0; i < rows; ++i)
            even[i] = fma(set1(a.value[n]), load(x + a.at[n] + i * p.columns), even[i]);
    }
    for (int i = 0; i < rows; ++i) store(dw + i * kLanes, add(even[i], odd[i]));
}

inline void add_weights(const Shape& s, const Plan& p, const float* x, const Active& a, float* dw) {
    for (long i = 0; i < s.kernel.h; ++i) {
        for (long v = 0; v < p.vectors; ++v, dw += kLanes) {
            const float* from = x + i * p.columns + v * kLanes;
            Vec sum[4] = {load(dw), zero(), zero(), zero()};
            long n = 0;
            for (; n + 3 < a.count; n += 4) {
                for (int k = 0; k < 4; ++k)
                    sum[k] = fma(set1(a.value[n + k]), load(from + a.at[n + k]), sum[k]);
            }
            for (; n < a.count; ++n) sum[0] = fma(set1(a.value[n]), load(from + a.at[n]), sum[0]);
            store(dw, add(add(sum[0], sum[1]), add(sum[2], sum[3])));
        }
    }
}

// Adds the kernel, times the gradient, to the input's gradient at every active pixel.
inline void add_input(const Shape& s, const Plan& p, const float* weight, const Active& a,
                      float* dx) {
    const long whole = p.reach / kLanes * kLanes;
    const Mask rest = mask_lanes(0, p.reach - whole);
    for (long n = 0; n < a.count; ++n) {
        const Vec g = set1(a.value[n]);
        for (long i = 0; i < s.kernel.h; ++i) {
            const float* from = weight + i * p.vectors * kLanes;
            float* to = dx + a.at[n] + i * p.columns;
            for (long v = 0; v < whole; v += kLanes)
                store(to + v, fma(g, load(from + v), load(to + v)));
            if (whole < p.reach) {
                store_mask(to + whole, rest,
                           fma(g, load(from + whole), load_mask(to + whole, rest)));
            }
        }
    }
}

// One image. Adds to dw (our order) and db; writes dx [Cin][H][W] unless it is null.
inline void run(const Shape& s, const float* x, const float* weight, const float* grad,
                const unsigned char* winners, float* dw, float* db, float* dx, void* workspace) {
    const Plan p = plan(s);
    float* padded = static_cast<float*>(workspace);
    float* dpadded = padded + p.padded;
    const long pixels = s.output.h * s.output.w, room = round_up(pixels + 1, 16);
    Active active = {reinterpret_cast<int*>(dpadded + p.padded), nullptr, 0};
    active.value = reinterpret_cast<float*>(active.at + room);
    int* taps = reinterpret_cast<int*>(active.value + room);
    for (long tap = 0; tap < 256; ++tap) {
        const long row = tap / s.pool_kernel.w * s.stride.h,
                   column = tap % s.pool_kernel.w * s.stride.w;
        taps[tap] = tap < s.pool_kernel.h * s.pool_kernel.w
                        ? static_cast<int>(row * p.columns + column * s.channels_in)
                        : 0;
    }
    pad(s, p, x, padded);
    if (dx) {
        for (long i = 0; i < p.padded; ++i) dpadded[i] = 0.0f;
    }
    for (long o = 0; o < s.channels_out; ++o, grad += pixels, winners += pixels) {
        gather(s, p, grad, winners, taps, active);
        for (long n = 0; n < active.count; ++n) db[o] += active.value[n];
        if (p.vectors == 1 && s.kernel.h == 3) {
            add_weights_short<3>(p, padded, active, dw + o * p.kernel);
        } else {
            add_weights(s, p, padded, active, dw + o * p.kernel);
        }
        if (dx) add_input(s, p, weight + o * p.kernel, active, dpadded);
    }
    if (dx) unpad(s, p, dpadded, dx);
}

}  // namespace gradient

constexpr Gradient kGradient = {gradient::weight_bytes, gradient::workspace_bytes,
                                gradient::pack_weights, gradient::unpack_weights, gradient::run};
