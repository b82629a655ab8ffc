// The product of conv.inl.h with AMX: tiles of bfloat16 multiplied into tiles of float32. After
// pack_input.inl.h and pack_weights.inl.h.
//
// A float32 of 24 bits is the sum of bfloat16 parts of 8 bits: of two parts up to 2^-18 of it, of
// three exactly. The products of parts whose numbers sum to less than kParts are added up in
// float32, the rest is smaller than what the parts leave out. AMX multiplies about eleven times as
// much as the FMA units in the same time, so three products of two parts pay, and six of three.
//
// Lanes are tiles of the image here too: of M[k] = U[k]' V[k], a register tile of U is 16 output
// channels x 32 input channels, of V 32 input channels x 16 tiles of the image, of M 16 x 16.

namespace winograd {

constexpr ptrdiff_t kTile = 256;  // floats of a register tile: 16 rows of 64 bytes
constexpr ptrdiff_t kTileRows = 16;
constexpr ptrdiff_t kInputs = 32;  // input channels of a register tile

// All eight register tiles are 16 rows of 64 bytes.
struct Shapes {
    unsigned char palette, start_row, zero[14];
    unsigned short bytes[16];
    unsigned char rows[16];
};
constexpr Shapes kShapes = {
    1, 0, {}, {64, 64, 64, 64, 64, 64, 64, 64}, {16, 16, 16, 16, 16, 16, 16, 16}};

// The two neighbouring input channels a and b as bfloat16 side by side in every lane, part by part
// to `to`, register tiles apart. To the nearest, ties away from zero.
template <int kParts>
inline void put_parts(__m512 a, __m512 b, float* to) {
    const __m512i half = _mm512_set1_epi32(0x8000), high = _mm512_set1_epi32(-0x10000);
#pragma GCC unroll 3
    for (int part = 0; part < kParts; ++part, to += kTile) {
        const __m512i up = _mm512_add_epi32(_mm512_castps_si512(a), half);
        const __m512i beside =
            _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(b), half), high);
        _mm512_store_si512(to, _mm512_or_si512(_mm512_srli_epi32(up, 16), beside));
        a = _mm512_sub_ps(a, _mm512_castsi512_ps(_mm512_and_si512(up, high)));
        b = _mm512_sub_ps(b, _mm512_castsi512_ps(beside));
    }
}

// Register tile `number` from memory, and what stands `ahead` floats further on into the
// first-level cache. The number must be a literal.
#define CNNKIT_LOAD_TILE(number, from, ahead)                                                  \
    do {                                                                                       \
        _tile_loadd(number, from, 64);                                                         \
        for (ptrdiff_t row = 0; row < kTileRows; ++row) prefetch((from) + (ahead) + row * 16); \
    } while (false)

// M of kBlocks x kVectors register tiles: blocks of 16 output channels, whose U are `block` floats
// apart, and vectors of tiles of the image. `step` is what V goes on by from 32 input channels to
// the next. Register tiles 0 to 3 are M, 4 and 5 U, 6 and 7 V.
template <int kParts, int kBlocks, int kVectors>
void multiply_block(const float* u, ptrdiff_t block, const float* v, ptrdiff_t step, float* m) {
    constexpr ptrdiff_t kAll = kParts * kTile;  // of 32 input channels
    const auto load_weights = [&](int part) {
        CNNKIT_LOAD_TILE(4, u + part * kTile, kAll);
        if constexpr (kBlocks > 1) CNNKIT_LOAD_TILE(5, u + block + part * kTile, kAll);
    };
    const auto load_input = [&](int part) {
        CNNKIT_LOAD_TILE(6, v + part * kTile, step);
        if constexpr (kVectors > 1) CNNKIT_LOAD_TILE(7, v + kAll + part * kTile, step);
    };
    const auto multiply = [] {
        _tile_dpbf16ps(0, 4, 6);
        if constexpr (kVectors > 1) _tile_dpbf16ps(1, 4, 7);
        if constexpr (kBlocks > 1) _tile_dpbf16ps(2, 5, 6);
        if constexpr (kBlocks > 1 && kVectors > 1) _tile_dpbf16ps(3, 5, 7);
    };
    asm volatile("" ::: "memory");  // GCC 12 does not know that loading a tile reads memory
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (const float* end = u + block; u < end; u += kAll, v += step) {
        load_weights(0);
        if constexpr (kParts == 3) load_input(2), multiply();
        load_input(1), multiply();
        load_input(0), multiply();
        load_weights(1), multiply();
        if constexpr (kParts == 3) {
            load_input(1), multiply();
            load_weights(2), load_input(0), multiply();
        }
    }
    constexpr ptrdiff_t kWidth = kVectors * kLanes, kPitch = kWidth * sizeof(float);
    _tile_stored(0, m, kPitch);
    if constexpr (kVectors > 1) _tile_stored(1, m + kLanes, kPitch);
    if constexpr (kBlocks > 1) _tile_stored(2, m + kTileRows * kWidth, kPitch);
    if constexpr (kBlocks > 1 && kVectors > 1)
        _tile_stored(3, m + kTileRows * kWidth + kLanes, kPitch);
}
#undef CNNKIT_LOAD_TILE

// V is [k][32 input channels][vector of tiles][part] of register tiles, U is [k][16 output
// channels][32 input channels][part]. What no channel needs of them is zero.
template <int kParts>
struct TileProduct {
    static constexpr int kGroup = 2;  // as register tiles hold
    static constexpr ptrdiff_t kRows = 2 * kTileRows, kRowsAtLeast = kTileRows;
    static constexpr float kLeast = 8.673617379884035e-19f;  // 2^-60: no part is a denormal number

    static ptrdiff_t steps(const PlainShape& s) {
        return round_up(s.channels_in, kInputs) / kInputs;
    }
    static ptrdiff_t block_floats(const PlainShape& s) { return steps(s) * kParts * kTile; }
    static ptrdiff_t input_floats(const PlainShape& s) { return kGroup * block_floats(s); }
    static ptrdiff_t weight_floats(const PlainShape& s) {
        return round_up(s.channels_out, kTileRows) / kTileRows * block_floats(s);
    }

    // The register tiles are given back at the end: their state costs time whenever the system
    // changes threads.
    static void begin() { _tile_loadconfig(&kShapes); }
    static void end() { _tile_release(); }

    template <typename F>
    static void put_weights(const PlainShape& s, const float* weight, float* u) {
        constexpr ptrdiff_t kCount = F::kTaps * F::kTaps;
        const ptrdiff_t cin = s.channels_in, cout = s.channels_out;
        for (ptrdiff_t co = 0; co < round_up(cout, kTileRows); ++co)
            for (ptrdiff_t step = 0; step < steps(s); ++step) {
                alignas(64) float pairs[2][F::kPlanes][kLanes];
                for (ptrdiff_t odd = 0; odd < 2; ++odd) {
                    Doubles w[2][F::kTaps][F::kTaps];
                    const auto at = [&](ptrdiff_t lane) {
                        const ptrdiff_t ci = step * kInputs + 2 * lane + odd;
                        return co < cout && ci < cin ? weight + (co * cin + ci) * kCount : nullptr;
                    };
                    gather_taps<F>(at, w);
                    transform<F>(w[0], kPanel, pairs[odd][0], kLanes);
                    transform<F>(w[1], kPanel, pairs[odd][0] + kPanel, kLanes);
                }
                float* to = u + co / kTileRows * block_floats(s) + step * kParts * kTile +
                            co % kTileRows * kLanes;
                for (int k = 0; k < F::kPlanes; ++k, to += weight_floats(s))
                    put_parts<kParts>(load(pairs[0][k]), load(pairs[1][k]), to);
            }
    }

    template <typename F>
    static Magnitude put_input(const float* x, const Plan& p, const Gather<F>* g, ptrdiff_t vectors,
                               float* v, Magnitude most) {
        const ptrdiff_t channels = p.s.channels_in, pixels = p.s.input.h * p.s.input.w;
        alignas(64) float pairs[2][F::kPlanes][kLanes];
        for (ptrdiff_t ci = 0; ci < steps(p.s) * kInputs; ci += 2, x += 2 * pixels) {
            for (ptrdiff_t i = 0; i < vectors; ++i) {
                for (ptrdiff_t c = 0; c < 2; ++c) {
                    if (ci + c < channels)
                        most = input_vector<F>(x + c * pixels, p, g[i], pairs[c][0], kLanes, most);
                    else
                        __builtin_memset(pairs[c], 0, sizeof pairs[c]);
                }
                float* to =
                    v + (ci / kInputs * vectors + i) * kParts * kTile + ci % kInputs / 2 * kLanes;
                for (int k = 0; k < F::kPlanes; ++k, to += p.v_plane)
                    put_parts<kParts>(load(pairs[0][k]), load(pairs[1][k]), to);
            }
        }
        return most;
    }

    static void multiply(const PlainShape& s, const float* u, int k, ptrdiff_t co, ptrdiff_t rows,
                         ptrdiff_t vectors, const float* v, float* m) {
        const ptrdiff_t block = block_floats(s), step = vectors * kParts * kTile;
        u += k * weight_floats(s) + co / kTileRows * block;
        if (rows > kTileRows && vectors > 1)
            multiply_block<kParts, 2, 2>(u, block, v, step, m);
        else if (rows > kTileRows)
            multiply_block<kParts, 2, 1>(u, block, v, step, m);
        else if (vectors > 1)
            multiply_block<kParts, 1, 2>(u, block, v, step, m);
        else
            multiply_block<kParts, 1, 1>(u, block, v, step, m);
    }
};

// Below 32 channels, or where register tiles would stay too empty, vectors are as fast: what is
// multiplied may be a quarter more than needed for six products, twice as much for three.
inline bool fills_tiles(const ConvShape& s, ptrdiff_t most_quarters) {
    const ptrdiff_t padded = round_up(s.channels_in, kInputs) * round_up(s.channels_out, kTileRows);
    return min(s.channels_in, s.channels_out) >= kInputs &&
           4 * padded <= most_quarters * s.channels_in * s.channels_out;
}
inline bool fits_two_parts(const ConvShape& s, Precision precision) {
    return fits_fast(s, precision) && fills_tiles(s, 8);
}
inline bool fits_three_parts(const ConvShape& s, Precision) {
    return takes(s, 3) && fills_tiles(s, 5);
}
constexpr ConvKernel kTwoParts =
    algorithm<Form<4, 4, 3>, TileProduct<2>>("amx-4x4", fits_two_parts);
constexpr ConvKernel kThreeParts =
    algorithm<Form<4, 2, 3>, TileProduct<3>>("amx-4x2", fits_three_parts);

}  // namespace winograd
