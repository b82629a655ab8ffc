// The gradients of conv → ReLU → max-pool for every shape: the taps of each maximum, one by one.
//
// Channels stand last, so that the taps of one kernel row are neighbouring floats:
// x[row][column][Cin], padded with zeros, and weights[Cout][kernel row][kernel column][Cin], each
// kernel row filled up to whole vectors.

namespace backward_generic {

struct Plan {
    ptrdiff_t columns;  // floats of a padded row
    ptrdiff_t
        padded;       // floats of a padded image, and a vector that the last tap may read beyond it
    ptrdiff_t reach;  // floats of a kernel row
    ptrdiff_t vectors;  // vectors of a kernel row
    ptrdiff_t kernel;   // floats of one output channel's weights
};

inline Plan plan(const ConvShape& s) {
    Plan p;
    p.columns = (s.input.w + 2 * s.padding.w) * s.channels_in;
    p.padded = round_up((s.input.h + 2 * s.padding.h) * p.columns + kLanes, kLanes);
    p.reach = s.kernel.w * s.channels_in;
    p.vectors = (p.reach + kLanes - 1) / kLanes;
    p.kernel = s.kernel.h * p.vectors * kLanes;
    return p;
}

inline bool fits(const ConvShape&) { return true; }

inline size_t weight_bytes(const ConvShape& s) {
    return sizeof(float) * s.channels_out * plan(s).kernel;
}

// dw in our order, then db.
inline size_t sum_bytes(const ConvShape& s) {
    return weight_bytes(s) + sizeof(float) * s.channels_out;
}

inline size_t workspace_bytes(const ConvShape& s) {
    return 2 * sizeof(float) * plan(s).padded + list_bytes(s.output.h * s.output.w);
}

// [Cout][Cin][kernel rows][kernel columns] -> our order, zero where a kernel row is filled up.
inline void pack_weights(const ConvShape& s, const float* weight, float* packed) {
    const Plan p = plan(s);
    for (ptrdiff_t i = 0; i < s.channels_out * p.kernel; ++i) packed[i] = 0.0f;
    for (ptrdiff_t o = 0; o < s.channels_out; ++o) {
        for (ptrdiff_t c = 0; c < s.channels_in; ++c) {
            for (ptrdiff_t i = 0; i < s.kernel.h; ++i) {
                for (ptrdiff_t j = 0; j < s.kernel.w; ++j) {
                    packed[o * p.kernel + i * p.vectors * kLanes + j * s.channels_in + c] =
                        *weight++;
                }
            }
        }
    }
}

inline void add_sums(const ConvShape& s, const float* sums, float* dw, float* db) {
    const Plan p = plan(s);
    for (ptrdiff_t o = 0; o < s.channels_out; ++o) {
        db[o] += sums[s.channels_out * p.kernel + o];
        for (ptrdiff_t c = 0; c < s.channels_in; ++c) {
            for (ptrdiff_t i = 0; i < s.kernel.h; ++i) {
                for (ptrdiff_t j = 0; j < s.kernel.w; ++j) {
                    *dw++ += sums[o * p.kernel + i * p.vectors * kLanes + j * s.channels_in + c];
                }
            }
        }
    }
}

// Channels go over in whole vectors, a square of pixels and channels at a time, and the rest one by
// one.
inline void pad(const ConvShape& s, const Plan& p, const float* x, float* padded) {
    for (ptrdiff_t i = 0; i < p.padded; ++i) padded[i] = 0.0f;
    const ptrdiff_t plane = s.input.h * s.input.w, whole = s.channels_in / kLanes * kLanes;
    for (ptrdiff_t r = 0; r < s.input.h; ++r, x += s.input.w) {
        float* row = padded + (r + s.padding.h) * p.columns + s.padding.w * s.channels_in;
        for (ptrdiff_t c = 0; c < whole; c += kLanes) {
            for (ptrdiff_t j = 0; j < s.input.w; j += kLanes) {
                const Mask inside = mask_lanes(0, s.input.w - j);
                Vec square[kLanes];
                for (int k = 0; k < kLanes; ++k)
                    square[k] = load_mask(x + (c + k) * plane + j, inside);
                transpose(square);
                const int count = static_cast<int>(min(kLanes, s.input.w - j));
                for (int k = 0; k < kLanes; ++k) {
                    if (k < count) store(row + (j + k) * s.channels_in + c, square[k]);
                }
            }
        }
        for (ptrdiff_t c = whole; c < s.channels_in; ++c) {
            for (ptrdiff_t j = 0; j < s.input.w; ++j) row[j * s.channels_in + c] = x[c * plane + j];
        }
    }
}

inline void unpad(const ConvShape& s, const Plan& p, const float* padded, float* x) {
    const ptrdiff_t plane = s.input.h * s.input.w, whole = s.channels_in / kLanes * kLanes;
    for (ptrdiff_t r = 0; r < s.input.h; ++r, x += s.input.w) {
        const float* row = padded + (r + s.padding.h) * p.columns + s.padding.w * s.channels_in;
        for (ptrdiff_t c = 0; c < whole; c += kLanes) {
            for (ptrdiff_t j = 0; j < s.input.w; j += kLanes) {
                const int count = static_cast<int>(min(kLanes, s.input.w - j));
                Vec square[kLanes];
                for (int k = 0; k < kLanes; ++k) {
                    square[k] = k < count ? load(row + (j + k) * s.channels_in + c) : zero();
                }
                transpose(square);
                const Mask inside = mask_lanes(0, count);
                for (int k = 0; k < kLanes; ++k)
                    store_mask(x + (c + k) * plane + j, inside, square[k]);
            }
        }
        for (ptrdiff_t c = whole; c < s.channels_in; ++c) {
            for (ptrdiff_t j = 0; j < s.input.w; ++j) x[c * plane + j] = row[j * s.channels_in + c];
        }
    }
}

// Adds to one channel's weight gradient. An image's sum begins at zero: added pixel by pixel to
// that of all images before it, it would lose digits. `rows` kernel rows of one vector each stay in
// registers.
template <int rows>
inline void add_weights_short(const Plan& p, const float* x, const Active& a, float* dw) {
    Vec even[rows],
        odd[rows];  // two sums, so that additions of neighbouring pixels do not wait for each other
    for (int i = 0; i < rows; ++i) even[i] = odd[i] = zero();
    ptrdiff_t n = 0;
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
    for (int i = 0; i < rows; ++i, dw += kLanes) store(dw, add(load(dw), add(even[i], odd[i])));
}

inline void add_weights(const ConvShape& s, const Plan& p, const float* x, const Active& a,
                        float* dw) {
    for (ptrdiff_t i = 0; i < s.kernel.h; ++i) {
        for (ptrdiff_t v = 0; v < p.vectors; ++v, dw += kLanes) {
            const float* from = x + i * p.columns + v * kLanes;
            Vec sum[4] = {zero(), zero(), zero(), zero()};
            ptrdiff_t n = 0;
            for (; n + 3 < a.count; n += 4) {
                for (int k = 0; k < 4; ++k)
                    sum[k] = fma(set1(a.value[n + k]), load(from + a.at[n + k]), sum[k]);
            }
            for (; n < a.count; ++n) sum[0] = fma(set1(a.value[n]), load(from + a.at[n]), sum[0]);
            store(dw, add(load(dw), add(add(sum[0], sum[1]), add(sum[2], sum[3]))));
        }
    }
}

// Adds the kernel, times the gradient, to the input's gradient at every active pixel.
inline void add_input(const ConvShape& s, const Plan& p, const float* weight, const Active& a,
                      float* dx) {
    const ptrdiff_t whole = p.reach / kLanes * kLanes;
    const Mask rest = mask_lanes(0, p.reach - whole);
    for (ptrdiff_t n = 0; n < a.count; ++n) {
        const Vec g = set1(a.value[n]);
        for (ptrdiff_t i = 0; i < s.kernel.h; ++i) {
            const float* from = weight + i * p.vectors * kLanes;
            float* to = dx + a.at[n] + i * p.columns;
            for (ptrdiff_t v = 0; v < whole; v += kLanes)
                store(to + v, fma(g, load(from + v), load(to + v)));
            if (whole < p.reach) {
                store_mask(to + whole, rest,
                           fma(g, load(from + whole), load_mask(to + whole, rest)));
            }
        }
    }
}

inline void run(const ConvShape& s, const float* x, const float* weight, const float* grad,
                const unsigned char* indices, float* sums, float* dx, void* workspace) {
    const Plan p = plan(s);
    float *dw = sums, *db = sums + s.channels_out * p.kernel;
    float* padded = static_cast<float*>(workspace);
    float* dpadded = padded + p.padded;
    const ptrdiff_t pixels = s.output.h * s.output.w;
    Active active = list_in(dpadded + p.padded, pixels);
    const Steps step = {p.columns, s.channels_in};
    find_windows(s, step, s.output.h, active);
    pad(s, p, x, padded);
    if (dx) {
        for (ptrdiff_t i = 0; i < p.padded; ++i) dpadded[i] = 0.0f;
    }
    for (ptrdiff_t o = 0; o < s.channels_out; ++o, grad += pixels, indices += pixels) {
        gather(s, step, grad, indices, pixels, active);
        db[o] += sum(active);
        if (p.vectors == 1 && s.kernel.h == 3) {
            add_weights_short<3>(p, padded, active, dw + o * p.kernel);
        } else {
            add_weights(s, p, padded, active, dw + o * p.kernel);
        }
        if (dx) add_input(s, p, weight + o * p.kernel, active, dpadded);
    }
    if (dx) unpad(s, p, dpadded, dx);
}

constexpr ConvBackwardKernel kConvBackwardKernel = {
    fits, weight_bytes, sum_bytes, workspace_bytes, pack_weights, add_sums, run};

}  // namespace backward_generic
