// Parameters as the vector kernels keep them, and the way there and back. Needs mnist.h.
//
// Features are ordered [13 chunks][4 channels][4 places]: 49 pooled pixels in chunks of four, the
// last one padded with three that are always zero. Pixels take places in four groups: even and odd
// rows, each even and odd columns first. Within a group no two 4x4 input windows overlap, so that
// backward may add to one while the addition to the one before is still under way.

constexpr int kChunks = 13;
constexpr int kFeatures = kChunks * 16;

constexpr int place_of(int y, int x) {
    return (y % 2 ? 28 : 0) + (x % 2 ? (y % 2 ? 12 : 16) + y / 2 * 3 : y / 2 * 4) + x / 2;
}

// One flat array of floats as far as Adam is concerned; the padding stays zero.
struct alignas(64) Parameters {
    float conv1[9][16];                        // [tap][output channel]
    float bias1[16];                           // [output channel]
    float conv2[4][9][16];                     // [output channel][tap][input channel]
    float bias2[16];                           // [output channel], then padding
    float linear[kChunks][kMnistClasses][16];  // [chunk][class][channel * 4 + place]
    float bias3[16];                           // [class], then padding
};
constexpr int kFlat = sizeof(Parameters) / sizeof(float);

inline float* flat(Parameters& p) { return reinterpret_cast<float*>(&p); }
inline const float* flat(const Parameters& p) { return reinterpret_cast<const float*>(&p); }

// Calls visit(place in our layout, index in PyTorch's order) for every parameter.
template <class Visit>
inline void for_each_parameter(const Parameters& p, Visit visit) {
    const float* start = flat(p);
    int index = 0;
    for (int o = 0; o < 16; ++o)
        for (int tap = 0; tap < 9; ++tap) visit(&p.conv1[tap][o] - start, index++);
    for (int o = 0; o < 16; ++o) visit(&p.bias1[o] - start, index++);
    for (int o = 0; o < 4; ++o)
        for (int i = 0; i < 16; ++i)
            for (int tap = 0; tap < 9; ++tap) visit(&p.conv2[o][tap][i] - start, index++);
    for (int o = 0; o < 4; ++o) visit(&p.bias2[o] - start, index++);
    for (int k = 0; k < kMnistClasses; ++k)
        for (int o = 0; o < 4; ++o)
            for (int pixel = 0; pixel < 49; ++pixel) {
                int place = place_of(pixel / 7, pixel % 7);
                visit(&p.linear[place / 4][k][o * 4 + place % 4] - start, index++);
            }
    for (int k = 0; k < kMnistClasses; ++k) visit(&p.bias3[k] - start, index++);
}

inline void to_layout(const float* from, Parameters& to) {
    __builtin_memset(&to, 0, sizeof to);
    for_each_parameter(to, [&](ptrdiff_t place, int index) { flat(to)[place] = from[index]; });
}

inline void from_layout(const Parameters& from, float* to) {
    for_each_parameter(from, [&](ptrdiff_t place, int index) { to[index] = flat(from)[place]; });
}
