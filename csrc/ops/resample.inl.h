// Resampling of 8-bit pixels along one axis, with weights in fixed point as Pillow has them.

namespace resample {

constexpr int kFractionBits = 22;
constexpr int32_t kHalf = 1 << (kFractionBits - 1);

inline uint8_t level(int32_t sum) {
    const int32_t value = sum >> kFractionBits;
    return static_cast<uint8_t>(value < 0 ? 0 : value > 255 ? 255 : value);
}

inline void along_row(const uint8_t* pixels, int bytes, const ResampleAxis& a, uint8_t* out) {
    const int32_t* taps = a.taps;
    for (long x = 0; x < a.count; ++x, taps += a.most, out += bytes) {
        const uint8_t* pixel = pixels + long{a.first[x]} * bytes;
        if (bytes == 4) {
            Four sums = four(kHalf);
            for (long k = 0; k < a.most; ++k) sums = add_product(sums, pixel + 4 * k, taps[k]);
            store_levels<kFractionBits>(out, sums);
        } else {
            int32_t sum = kHalf;
            for (long k = 0; k < a.most; ++k) sum += pixel[k] * taps[k];
            *out = level(sum);
        }
    }
}

// Row `at` of the result, of rows with so many samples; `sums` has room for as many.
inline void along_columns(const uint8_t* rows, long samples, const ResampleAxis& axis, long at,
                          int32_t* sums, uint8_t* out) {
    const int32_t* taps = axis.taps + at * axis.most;
    const uint8_t* row = rows + axis.first[at] * samples;
    for (long i = 0; i < samples; ++i) sums[i] = kHalf;
    for (long k = 0; k < axis.most; ++k, row += samples)
        for (long i = 0; i < samples; ++i) sums[i] += row[i] * taps[k];
    for (long i = 0; i < samples; ++i) out[i] = level(sums[i]);
}

constexpr ResampleKernels kKernels = {along_row, along_columns};

}  // namespace resample
