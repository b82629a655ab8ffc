// Raw pixels [C][H][W] as floats [H][W][C]: bytes change places before they become floats, because
// there are four times as many of them in a vector.

namespace fast {
namespace pixels {

using Pixels = struct written::pixels;

constexpr int kMostChannels = 4;
constexpr ptrdiff_t kAtOnce = 64;  // pixels

inline const Pixels& pixels_of(const void* fields) { return *static_cast<const Pixels*>(fields); }

inline bool fits(const void* fields) { return pixels_of(fields).channels <= kMostChannels; }

inline ptrdiff_t prepared_floats(const void* fields) {
    return ptrdiff_t{2} * pixels_of(fields).channels * kLanes;
}

// Scales as vectors of floats [W][C] need them, then shifts.
inline bool prepare(const void* fields, const float* scale, const float* shift, float* to) {
    const ptrdiff_t channels = pixels_of(fields).channels, count = channels * kLanes;
    for (ptrdiff_t i = 0; i < count; ++i)
        to[i] = scale[i % channels], to[count + i] = shift[i % channels];
    return true;
}

inline ptrdiff_t no_floats(const void*) { return 0; }

inline ptrdiff_t parts(const void* fields) {
    return (pixels_of(fields).area + kAtOnce - 1) / kAtOnce;
}

template <int channels>
inline void run_some(const unsigned char* raw, ptrdiff_t area, const float* prepared, float* y,
                     ptrdiff_t first, ptrdiff_t end) {
    raw += first * kAtOnce, y += first * kAtOnce * channels;
    unsigned char bytes[kAtOnce * channels + kLanes] = {};
    Vec scale[channels], shift[channels];
#pragma GCC unroll 4
    for (int c = 0; c < channels; ++c) {
        scale[c] = load(prepared + c * kLanes);
        shift[c] = load(prepared + (channels + c) * kLanes);
    }
    for (ptrdiff_t part = first; part < end; ++part, raw += kAtOnce) {
        const ptrdiff_t at = part * kAtOnce, pixels = min(kAtOnce, area - at),
                        floats = pixels * channels;
        const unsigned char* from = raw;
        if (channels > 1) {
            if (pixels == kAtOnce) {
                for (ptrdiff_t i = 0; i < kAtOnce; ++i) {
                    for (int c = 0; c < channels; ++c) bytes[i * channels + c] = raw[c * area + i];
                }
            } else {
                for (ptrdiff_t i = 0; i < pixels; ++i) {
                    for (int c = 0; c < channels; ++c) bytes[i * channels + c] = raw[c * area + i];
                }
            }
            from = bytes;
        } else if (pixels < kAtOnce) {
            for (ptrdiff_t i = 0; i < pixels; ++i) bytes[i] = raw[i];
            from = bytes;
        }
        for (ptrdiff_t i = 0; i < floats;) {
#pragma GCC unroll 4
            for (int c = 0; c < channels && i < floats; ++c, i += kLanes)
                store_first(y + i, fma(load_bytes(from + i), scale[c], shift[c]), floats - i);
        }
        y += floats;
    }
}

inline void run(const void* fields, const float* prepared, const float* x, const float*, float* y,
                float*, ptrdiff_t first, ptrdiff_t end) {
    const Pixels& p = pixels_of(fields);
    const void* bytes = x;
    const auto* raw = static_cast<const unsigned char*>(bytes);
    if (p.channels == 1) run_some<1>(raw, p.area, prepared, y, first, end);
    if (p.channels == 2) run_some<2>(raw, p.area, prepared, y, first, end);
    if (p.channels == 3) run_some<3>(raw, p.area, prepared, y, first, end);
    if (p.channels == 4) run_some<4>(raw, p.area, prepared, y, first, end);
}

constexpr ProgramAlgorithm kBytes = {"bytes", "pixels", fits, prepared_floats, prepare, no_floats,
                                     parts,   nullptr,  run};

}  // namespace pixels
}  // namespace fast
