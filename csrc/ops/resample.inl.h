// Resampling of 8-bit pixels along one axis, with weights in fixed point as Pillow has them.

namespace resample {

constexpr int kFractionBits = 22;
constexpr int32_t kHalf = 1 << (kFractionBits - 1);
constexpr int kPixel = 4;                       // bytes of one that has colours
constexpr int kRows = kResampleStrip / kPixel;  // of a strip of them

// Of sixteen samples at each of `most` places, which are `step` bytes apart.
inline void weighted_sum(const uint8_t* samples, ptrdiff_t step, const int32_t* taps,
                         ptrdiff_t most, uint8_t* out) {
    Sums sums = sums_of(kHalf);
    for (ptrdiff_t k = 0; k < most; ++k) sums = add_products(sums, samples + k * step, taps[k]);
    store_levels<kFractionBits>(out, sums);
}

// A strip holds pixel x of all its rows side by side: they have the same weights.
inline void resample_strip(const uint8_t* strip, const ResampleAxis& axis, uint8_t* out) {
    for (ptrdiff_t x = 0; x < axis.count; ++x)
        weighted_sum(strip + axis.first[x] * kResampleStrip, kResampleStrip,
                     axis.taps + x * axis.most, axis.most, out + x * kResampleStrip);
}

inline void copy_pixel(const uint8_t* from, uint8_t* to) { __builtin_memcpy(to, from, kPixel); }

inline void along_rows_of_colours(const uint8_t* pixels, ptrdiff_t width, ptrdiff_t rows,
                                  const ResampleAxis& axis, uint8_t* out, ptrdiff_t step,
                                  uint8_t* strip) {
    const ptrdiff_t row = width * kPixel, whole = rows == kRows ? width / kRows * kRows : 0;
    uint8_t* const made = strip + width * kResampleStrip;
    for (ptrdiff_t x = 0; x < whole; x += kRows)
        transpose_pixels(pixels + x * kPixel, row, strip + x * kResampleStrip, kResampleStrip);
    for (ptrdiff_t x = whole; x < width; ++x)
        for (ptrdiff_t r = 0; r < rows; ++r)
            copy_pixel(pixels + r * row + x * kPixel, strip + x * kResampleStrip + r * kPixel);
    resample_strip(strip, axis, made);
    for (ptrdiff_t x = 0; x < axis.count;
         x += kRows)  // `out` and `made` have room for whole strips
        transpose_pixels(made + x * kResampleStrip, kResampleStrip, out + x * kPixel, step);
}

inline void along_rows_of_levels(const uint8_t* pixels, ptrdiff_t width, ptrdiff_t rows,
                                 const ResampleAxis& axis, uint8_t* out, ptrdiff_t step,
                                 uint8_t* strip) {
    uint8_t* const made = strip + width * kResampleStrip;
    for (ptrdiff_t r = 0; r < rows; ++r)
        for (ptrdiff_t x = 0; x < width; ++x) strip[x * kResampleStrip + r] = pixels[r * width + x];
    resample_strip(strip, axis, made);
    for (ptrdiff_t r = 0; r < rows; ++r)
        for (ptrdiff_t x = 0; x < axis.count; ++x) out[r * step + x] = made[x * kResampleStrip + r];
}

inline void along_rows(const uint8_t* pixels, ptrdiff_t width, ptrdiff_t rows, int bytes,
                       const ResampleAxis& axis, uint8_t* out, ptrdiff_t step, uint8_t* strip) {
    const auto of_pixels = bytes == kPixel ? along_rows_of_colours : along_rows_of_levels;
    of_pixels(pixels, width, rows, axis, out, step, strip);
}

inline void along_columns(const uint8_t* rows, ptrdiff_t step, const ResampleAxis& axis,
                          ptrdiff_t at, uint8_t* out) {
    for (ptrdiff_t i = 0; i < step; i += kResampleStrip)
        weighted_sum(rows + axis.first[at] * step + i, step, axis.taps + at * axis.most, axis.most,
                     out + i);
}

inline void split_colours(const uint8_t* row, ptrdiff_t count, uint8_t* out, ptrdiff_t plane) {
    uint8_t* __restrict__ red = out, * __restrict__ green = out + plane;
    uint8_t* __restrict__ blue = out + 2 * plane;
    for (ptrdiff_t x = 0; x < count; ++x) {
        red[x] = row[x * kPixel];
        green[x] = row[x * kPixel + 1];
        blue[x] = row[x * kPixel + 2];
    }
}

constexpr ResampleKernels kKernels = {along_rows, along_columns, split_colours};

}  // namespace resample
