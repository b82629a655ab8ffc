// Four 32-bit integers made of four bytes, for pixels: plain C++.
// Included inside an ISA file's anonymous namespace.

struct Four {
    int32_t lane[4];
};

inline Four four(int32_t value) { return {{value, value, value, value}}; }
inline Four add_product(Four sum, const uint8_t* levels, int32_t factor) {
    for (int i = 0; i < 4; ++i) sum.lane[i] += levels[i] * factor;
    return sum;
}
// The integers over 2^bits, within 0 to 255.
template <int bits>
inline void store_levels(uint8_t* to, Four sum) {
    for (int i = 0; i < 4; ++i) {
        const int32_t level = sum.lane[i] >> bits;
        to[i] = static_cast<uint8_t>(level < 0 ? 0 : level > 255 ? 255 : level);
    }
}
