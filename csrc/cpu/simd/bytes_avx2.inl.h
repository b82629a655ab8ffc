// Vectors of bytes, words of 16 bits and sums of 32 bits, for AVX2; where CNNKIT_VNNI names the
// instruction, sums of four products take one.
// Included inside an ISA file's anonymous namespace, after <immintrin.h>.

using Bytes = __m256i;  // any of the three
using Sums = __m256i;   // int32
constexpr int kBytes = 32, kSums = 8, kRegisters = 16;

inline Bytes load(const void* from) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
inline void store(void* to, Bytes v) { _mm256_storeu_si256(static_cast<__m256i*>(to), v); }
inline void store_some(void* to, Bytes v, ptrdiff_t count) {
    uint8_t all[kBytes];
    store(all, v);
    __builtin_memcpy(to, all, count);
}
// Four bytes, or two words, in every lane. Opaque, as in avx2.inl.h.
inline Bytes four(const uint8_t* from) {
    Bytes v;
    asm("vpbroadcastd %1, %0" : "=x"(v) : "m"(*reinterpret_cast<const int*>(from)));
    return v;
}
inline Sums load_sums(const void* from) { return load(from); }
inline Sums zero() { return _mm256_setzero_si256(); }
inline Sums set1(int value) { return _mm256_set1_epi32(value); }
inline Sums add(Sums a, Sums b) { return _mm256_add_epi32(a, b); }
inline Sums sub(Sums a, Sums b) { return _mm256_sub_epi32(a, b); }
inline Sums mul(Sums a, Sums b) { return _mm256_mullo_epi32(a, b); }
template <int bits>
Sums left(Sums v) {
    return _mm256_slli_epi32(v, bits);
}
template <int bits>
Sums right(Sums v) {
    return _mm256_srai_epi32(v, bits);
}
inline Bytes every(int value) { return _mm256_set1_epi8(static_cast<char>(value)); }
inline Bytes no_bytes() { return zero(); }
inline Bytes largest(Bytes a, Bytes b) { return _mm256_max_epu8(a, b); }

// Words of 16 bits, kWords of them.
using Words = __m256i;
constexpr int kWords = 16;
inline Words load_words(const uint8_t* from) {  // of kWords bytes
    return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
}
inline Words add_words(Words a, Words b) { return _mm256_add_epi16(a, b); }
inline Words sub_words(Words a, Words b) { return _mm256_sub_epi16(a, b); }
template <int bits>
Words left_words(Words v) {
    return _mm256_slli_epi16(v, bits);
}

#if defined(CNNKIT_VNNI)
// Four bytes by four weights, added to a sum. What the products of x need added: `kShift` times
// the sum of the weights; and which weights it takes.
struct Quads {
    static constexpr int kShift = 0;
    static bool takes(const int8_t*, ptrdiff_t) { return true; }
    static Sums dot(Sums sum, Bytes x, Bytes w) { return CNNKIT_VNNI(dpbusd)(sum, x, w); }
};
using WideQuads = Quads;
// Two words by two.
struct Pairs {
    static Sums dot(Sums sum, Bytes x, Bytes w) { return CNNKIT_VNNI(dpwssd)(sum, x, w); }
};
#else
struct Quads {
    static constexpr int kShift = 0;
    // Pairs of products have 16 bits, and would stop at the largest of those.
    static bool takes(const int8_t* weight, ptrdiff_t count) {
        for (ptrdiff_t i = 0; i < count; ++i)
            if (weight[i] < -64 || weight[i] > 64) return false;
        return true;
    }
    static Sums dot(Sums sum, Bytes x, Bytes w) {
        const Bytes pairs = _mm256_maddubs_epi16(x, w);
        return add(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
};
// Of larger weights: x - 128 by its amount, and w with its sign.
struct WideQuads {
    static constexpr int kShift = 128;
    static bool takes(const int8_t* weight, ptrdiff_t count) {
        for (ptrdiff_t i = 0; i < count; ++i)
            if (weight[i] == -128) return false;
        return true;
    }
    static Sums dot(Sums sum, Bytes x, Bytes w) {
        const Bytes shifted = _mm256_xor_si256(x, _mm256_set1_epi8(-128));
        return Quads::dot(sum, _mm256_abs_epi8(shifted), _mm256_sign_epi8(w, shifted));
    }
};
struct Pairs {
    static Sums dot(Sums sum, Bytes x, Bytes w) { return add(sum, _mm256_madd_epi16(x, w)); }
};
#endif

// Four rows of bytes as sums' lanes of four bytes, one of each row: lane l of vector k is of byte
// `byte_of(k, l)`.
constexpr int byte_of(int k, int lane) { return 4 * k + lane % 4 + lane / 4 * 16; }
inline void interleave(const uint8_t* const (&rows)[4], ptrdiff_t at, Bytes (&to)[4]) {
    const Bytes a = load(rows[0] + at), b = load(rows[1] + at);
    const Bytes c = load(rows[2] + at), d = load(rows[3] + at);
    const Bytes ab_low = _mm256_unpacklo_epi8(a, b), ab_high = _mm256_unpackhi_epi8(a, b);
    const Bytes cd_low = _mm256_unpacklo_epi8(c, d), cd_high = _mm256_unpackhi_epi8(c, d);
    to[0] = _mm256_unpacklo_epi16(ab_low, cd_low);
    to[1] = _mm256_unpackhi_epi16(ab_low, cd_low);
    to[2] = _mm256_unpacklo_epi16(ab_high, cd_high);
    to[3] = _mm256_unpackhi_epi16(ab_high, cd_high);
}

// Sums times factors, rounded half to even. Below 2^31, which prepare checks.
inline Sums scaled(Sums sum, const float* factor) {
    return _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(factor)));
}
// As numbers.
inline void store_scaled(float* to, Sums sum, const float* factor) {
    _mm256_storeu_ps(to, _mm256_mul_ps(_mm256_cvtepi32_ps(sum), _mm256_loadu_ps(factor)));
}
// kBytes results whose lanes are those of `interleave`, with the zero point added, within 8 bits.
inline Bytes as_bytes(const Sums (&sum)[4], const float* factor, int zero) {
    const __m256i to_zero = _mm256_set1_epi16(static_cast<short>(zero));
    const __m256i low = _mm256_packs_epi32(scaled(sum[0], factor), scaled(sum[1], factor + 8));
    const __m256i high =
        _mm256_packs_epi32(scaled(sum[2], factor + 16), scaled(sum[3], factor + 24));
    return _mm256_packus_epi16(_mm256_adds_epi16(low, to_zero), _mm256_adds_epi16(high, to_zero));
}

// a * left + (b * right + rest), fused as in ONNX Runtime, as bytes, of which `shift` stands for 0.
template <int shift>
Bytes sum_of(Bytes a, Bytes b, float left, float right, float rest) {
    const Bytes none = no_bytes();
    const Bytes wide_a[2] = {_mm256_unpacklo_epi8(a, none), _mm256_unpackhi_epi8(a, none)};
    const Bytes wide_b[2] = {_mm256_unpacklo_epi8(b, none), _mm256_unpackhi_epi8(b, none)};
    const Sums middle = set1(shift);
    Bytes words[2];
    for (int half = 0; half < 2; ++half) {
        const Bytes x[2] = {_mm256_unpacklo_epi16(wide_a[half], none),
                            _mm256_unpackhi_epi16(wide_a[half], none)};
        const Bytes z[2] = {_mm256_unpacklo_epi16(wide_b[half], none),
                            _mm256_unpackhi_epi16(wide_b[half], none)};
        Sums whole[2];
        for (int i = 0; i < 2; ++i) {
            const __m256 second = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sub(z[i], middle)),
                                                  _mm256_set1_ps(right), _mm256_set1_ps(rest));
            whole[i] = _mm256_cvtps_epi32(_mm256_fmadd_ps(_mm256_cvtepi32_ps(sub(x[i], middle)),
                                                          _mm256_set1_ps(left), second));
        }
        words[half] =
            _mm256_adds_epi16(_mm256_packs_epi32(whole[0], whole[1]), _mm256_set1_epi16(shift));
    }
    return _mm256_packus_epi16(words[0], words[1]);
}

// A block of output channels is up to kVecs vectors; lane l of vector v is channel
// `channel_of(v, l)` of it.
constexpr int kVecs = 2;
#if defined(CNNKIT_VNNI)
constexpr int kChains = 4;  // sums that are added to at a time, at least
#else
constexpr int kChains = 1;
#endif
constexpr int channel_of(int vecs, int v, int lane) {
    return vecs == 1 ? lane : 4 * v + lane % 4 + lane / 4 * 8;
}
inline void store_block(uint8_t* to, const Sums (&sum)[1], const float* factor, int zero) {
    const __m256i words = scaled(sum[0], factor);
    const __m128i halves =
        _mm_packs_epi32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    const __m128i all = _mm_adds_epi16(halves, _mm_set1_epi16(static_cast<short>(zero)));
    _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(all, all));
}
inline void store_block(uint8_t* to, const Sums (&sum)[2], const float* factor, int zero) {
    const __m256i words =
        _mm256_adds_epi16(_mm256_packs_epi32(scaled(sum[0], factor), scaled(sum[1], factor + 8)),
                          _mm256_set1_epi16(static_cast<short>(zero)));
    const __m128i all =
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to), all);
}
