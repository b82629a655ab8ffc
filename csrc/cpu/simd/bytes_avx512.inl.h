// As bytes_avx2.inl.h, for AVX-512 with VNNI.

using Bytes = __m512i;
using Sums = __m512i;
constexpr int kBytes = 64, kSums = 16, kRegisters = 32;

inline Bytes load(const void* from) { return _mm512_loadu_si512(from); }
inline void store(void* to, Bytes v) { _mm512_storeu_si512(to, v); }
inline void store_some(void* to, Bytes v, ptrdiff_t count) {
    _mm512_mask_storeu_epi8(to, (1ull << count) - 1, v);
}
inline Bytes four(const uint8_t* from) {
    int word;
    __builtin_memcpy(&word, from, sizeof word);
    return _mm512_set1_epi32(word);
}
inline Sums load_sums(const void* from) { return load(from); }
inline Sums zero() { return _mm512_setzero_si512(); }
inline Sums set1(int value) { return _mm512_set1_epi32(value); }
inline Sums add(Sums a, Sums b) { return _mm512_add_epi32(a, b); }
inline Sums sub(Sums a, Sums b) { return _mm512_sub_epi32(a, b); }
inline Sums mul(Sums a, Sums b) { return _mm512_mullo_epi32(a, b); }
template <int bits>
Sums left(Sums v) {
    return _mm512_slli_epi32(v, bits);
}
template <int bits>
Sums right(Sums v) {
    return _mm512_srai_epi32(v, bits);
}
inline Bytes every(int value) { return _mm512_set1_epi8(static_cast<char>(value)); }
inline Bytes no_bytes() { return zero(); }
inline Bytes largest(Bytes a, Bytes b) { return _mm512_max_epu8(a, b); }

// Half as many words as a vector has: layers of 16 channels fill them.
using Words = __m256i;
constexpr int kWords = 16;
inline Words load_words(const uint8_t* from) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
inline void store(void* to, Words v) { _mm256_storeu_si256(static_cast<__m256i*>(to), v); }
inline Words add_words(Words a, Words b) { return _mm256_add_epi16(a, b); }
inline Words sub_words(Words a, Words b) { return _mm256_sub_epi16(a, b); }
template <int bits>
Words left_words(Words v) {
    return _mm256_slli_epi16(v, bits);
}

struct Quads {
    static constexpr int kShift = 0;
    static bool takes(const int8_t*, ptrdiff_t) { return true; }
    static Sums dot(Sums sum, Bytes x, Bytes w) { return _mm512_dpbusd_epi32(sum, x, w); }
};
using WideQuads = Quads;

// Two words by two.
struct Pairs {
    static Sums dot(Sums sum, Bytes x, Bytes w) { return _mm512_dpwssd_epi32(sum, x, w); }
};

constexpr int byte_of(int k, int lane) { return 4 * k + lane % 4 + lane / 4 * 16; }
inline void interleave(const uint8_t* const (&rows)[4], ptrdiff_t at, Bytes (&to)[4]) {
    const Bytes a = load(rows[0] + at), b = load(rows[1] + at);
    const Bytes c = load(rows[2] + at), d = load(rows[3] + at);
    const Bytes ab_low = _mm512_unpacklo_epi8(a, b), ab_high = _mm512_unpackhi_epi8(a, b);
    const Bytes cd_low = _mm512_unpacklo_epi8(c, d), cd_high = _mm512_unpackhi_epi8(c, d);
    to[0] = _mm512_unpacklo_epi16(ab_low, cd_low);
    to[1] = _mm512_unpackhi_epi16(ab_low, cd_low);
    to[2] = _mm512_unpacklo_epi16(ab_high, cd_high);
    to[3] = _mm512_unpackhi_epi16(ab_high, cd_high);
}

inline Sums scaled(Sums sum, const float* factor) {
    return _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(factor)));
}
inline void store_scaled(float* to, Sums sum, const float* factor) {
    _mm512_storeu_ps(to, _mm512_mul_ps(_mm512_cvtepi32_ps(sum), _mm512_loadu_ps(factor)));
}
inline Bytes as_bytes(const Sums (&sum)[4], const float* factor, int zero) {
    const __m512i to_zero = _mm512_set1_epi16(static_cast<short>(zero));
    const __m512i low = _mm512_packs_epi32(scaled(sum[0], factor), scaled(sum[1], factor + 16));
    const __m512i high =
        _mm512_packs_epi32(scaled(sum[2], factor + 32), scaled(sum[3], factor + 48));
    return _mm512_packus_epi16(_mm512_adds_epi16(low, to_zero), _mm512_adds_epi16(high, to_zero));
}

template <int shift>
Bytes sum_of(Bytes a, Bytes b, float left, float right, float rest) {
    const Bytes none = no_bytes();
    const Bytes wide_a[2] = {_mm512_unpacklo_epi8(a, none), _mm512_unpackhi_epi8(a, none)};
    const Bytes wide_b[2] = {_mm512_unpacklo_epi8(b, none), _mm512_unpackhi_epi8(b, none)};
    const Sums middle = set1(shift);
    Bytes words[2];
    for (int half = 0; half < 2; ++half) {
        const Bytes x[2] = {_mm512_unpacklo_epi16(wide_a[half], none),
                            _mm512_unpackhi_epi16(wide_a[half], none)};
        const Bytes z[2] = {_mm512_unpacklo_epi16(wide_b[half], none),
                            _mm512_unpackhi_epi16(wide_b[half], none)};
        Sums whole[2];
        for (int i = 0; i < 2; ++i) {
            const __m512 second = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sub(z[i], middle)),
                                                  _mm512_set1_ps(right), _mm512_set1_ps(rest));
            whole[i] = _mm512_cvtps_epi32(_mm512_fmadd_ps(_mm512_cvtepi32_ps(sub(x[i], middle)),
                                                          _mm512_set1_ps(left), second));
        }
        words[half] =
            _mm512_adds_epi16(_mm512_packs_epi32(whole[0], whole[1]), _mm512_set1_epi16(shift));
    }
    return _mm512_packus_epi16(words[0], words[1]);
}

constexpr int kVecs = 2, kChains = 4;
constexpr int channel_of(int, int v, int lane) { return kSums * v + lane; }
// Four vectors of results as bytes, one behind the other.
inline Bytes as_bytes_in_order(const Sums (&sum)[4], const float* const (&factor)[4], int zero) {
    const __m512i to_zero = _mm512_set1_epi16(static_cast<short>(zero));
    const __m512i low = _mm512_packs_epi32(scaled(sum[0], factor[0]), scaled(sum[1], factor[1]));
    const __m512i high = _mm512_packs_epi32(scaled(sum[2], factor[2]), scaled(sum[3], factor[3]));
    const __m512i all =
        _mm512_packus_epi16(_mm512_adds_epi16(low, to_zero), _mm512_adds_epi16(high, to_zero));
    const __m512i order = _mm512_set_epi32(15, 11, 7, 3, 14, 10, 6, 2, 13, 9, 5, 1, 12, 8, 4, 0);
    return _mm512_permutexvar_epi32(order, all);
}
// Neighbouring pixels, `step` bytes apart; 64 results are made at once.
template <int pixels, int vecs>
void store_pixels(uint8_t* to, ptrdiff_t step, const Sums (&sum)[pixels][vecs], const float* factor,
                  int zero, ptrdiff_t channels) {
    constexpr int at_once = 4 / vecs;
    const bool whole = channels == vecs * kSums;
    const auto some = static_cast<__mmask32>((size_t{1} << channels) - 1);
#pragma GCC unroll 16
    for (int p = 0; p < pixels; p += at_once, to += at_once * step) {
        Sums four[4];
        const float* factors[4];
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            const int pixel = p + i / vecs;
            four[i] = sum[pixel < pixels ? pixel : p][i % vecs];
            factors[i] = factor + i % vecs * kSums;
        }
        const Bytes made = as_bytes_in_order(four, factors, zero);
        if (whole && step == channels && p + at_once <= pixels) {
            store(to, made);
            continue;
        }
#pragma GCC unroll 4
        for (int i = 0; i < at_once; ++i) {
            if (p + i >= pixels) continue;
            if constexpr (vecs == 2) {
                const __m256i one =
                    i ? _mm512_extracti64x4_epi64(made, 1) : _mm512_castsi512_si256(made);
                _mm256_mask_storeu_epi8(to + i * step, some, one);
            } else {
                const __m128i one = i == 0   ? _mm512_castsi512_si128(made)
                                    : i == 1 ? _mm512_extracti32x4_epi32(made, 1)
                                    : i == 2 ? _mm512_extracti32x4_epi32(made, 2)
                                             : _mm512_extracti32x4_epi32(made, 3);
                _mm_mask_storeu_epi8(to + i * step, static_cast<__mmask16>(some), one);
            }
        }
    }
}
