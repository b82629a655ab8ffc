// Sixteen 32-bit sums of bytes by factors, and pixels of four bytes; plain C++.
// Included inside an ISA file's anonymous namespace.

struct Sums {
    int32_t lane[16];
};

inline Sums sums_of(int32_t value) {
    Sums sums;
    for (int32_t& lane : sums.lane) lane = value;
    return sums;
}
inline Sums add_products(Sums sums, const uint8_t* levels, int32_t factor) {
    for (int i = 0; i < 16; ++i) sums.lane[i] += levels[i] * factor;
    return sums;
}
// The sums over 2^bits, within 0 to 255.
template <int bits>
inline void store_levels(uint8_t* to, Sums sums) {
    for (int i = 0; i < 16; ++i) {
        const int32_t level = sums.lane[i] >> bits;
        to[i] = static_cast<uint8_t>(level < 0 ? 0 : level > 255 ? 255 : level);
    }
}

// Pixel i of row r becomes pixel r of row i, four of each; rows are so many bytes apart.
inline void transpose_pixels(const uint8_t* from, ptrdiff_t from_step, uint8_t* to,
                             ptrdiff_t to_step) {
    for (int i = 0; i < 4; ++i)
        for (int r = 0; r < 4; ++r)
            __builtin_memcpy(to + i * to_step + 4 * r, from + r * from_step + 4 * i, 4);
}
