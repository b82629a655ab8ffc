// One channel by Winograd's F(2x2, 3x3): all of V, then all results. The rows of tiles follow each
// other without a gap, so that results do as well. After single_channel_gemm.inl.h,
// input.inl.h and output.inl.h.

namespace winograd_f2x2::single_channel {

// Where the results of one strip go; indices may be null.
struct Target {
    float* y;
    unsigned char* indices;
    ptrdiff_t channel;  // floats from channel to channel
};

// ReLU and the largest of the four outputs (row by row) of `count` tiles. `plain` is known to be a
// full vector without indices.
template <bool plain>
inline void finish(const Target& to, ptrdiff_t at, ptrdiff_t count, const Vec (&y)[4]) {
    // The right column is the last to be ready.
    const Vec most = max(max(y[1], y[3]), max(max(y[0], y[2]), zero()));
    if (plain || count == kLanes) {
        store(to.y + at, most);
    } else {
        store_mask(to.y + at, mask_lanes(0, count), most);
    }
    if (plain || !to.indices) return;
    float lanes[kLanes];
    find_indices(y, lanes);
    store_bytes(to.indices + at, load(lanes), count);
}

// `width` output channels; the last vector has `count` tiles.
template <bool plain, int width, typename Tiles>
inline __attribute__((always_inline)) void channels(const Tiles& tiles, const float* u,
                                                    const float* biases, const Target& to,
                                                    ptrdiff_t at, ptrdiff_t count) {
#pragma GCC unroll 1
    for (int o = 0; o < width; ++o, at += to.channel) {
        Vec y[Tiles::kCount][4];
        tiles.template outputs_of<width>(u + o, biases + o, y);
#pragma GCC unroll 2
        for (int i = 0; i < Tiles::kCount; ++i)
            finish<plain>(to, at + i * kLanes, i + 1 < Tiles::kCount ? kLanes : count, y[i]);
    }
}

// All output channels.
template <bool plain, typename Tiles>
inline __attribute__((always_inline)) void products(const ConvShape& s, const float* v,
                                                    const float* biases, const Target target,
                                                    ptrdiff_t at, ptrdiff_t count) {
    const Tiles tiles(v);
    const ptrdiff_t all = s.channels_out;  // not read again after every store
    const float* u = biases + all;
    ptrdiff_t o = 0;
    for (; o + kChannels <= all; o += kChannels, at += kChannels * target.channel)
        channels<plain, kChannels>(tiles, u + o * 16, biases + o, target, at, count);
    switch (all - o) {
        case 1:
            channels<plain, 1>(tiles, u + o * 16, biases + o, target, at, count);
            break;
        case 2:
            channels<plain, 2>(tiles, u + o * 16, biases + o, target, at, count);
            break;
        case 3:
            channels<plain, 3>(tiles, u + o * 16, biases + o, target, at, count);
    }
}

template <typename Tiles>
inline void tiles(const ConvShape& s, const float* v, const float* biases, const Target& target,
                  ptrdiff_t at, ptrdiff_t count) {
    if (count == kLanes && !target.indices) {
        products<true, Tiles>(s, v, biases, target, at, count);
    } else {
        products<false, Tiles>(s, v, biases, target, at, count);
    }
}

#if defined(__AVX512F__)
// Four tiles of four output channels at a time: lane 4 i + o is tile i of channel o.
inline void last_tiles(const ConvShape& s, const float* v, const float* biases, const Target target,
                       ptrdiff_t at) {
    const __m512i spread = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
    const __m512i gather = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    Vec tiles[16];
#pragma GCC unroll 16
    for (int k = 0; k < 16; ++k)
        tiles[k] =
            _mm512_permutexvar_ps(spread, _mm512_castps128_ps512(_mm_loadu_ps(v + k * kLanes)));
    const auto four = [](const float* from) { return _mm512_broadcast_f32x4(_mm_loadu_ps(from)); };
    const ptrdiff_t channels = s.channels_out;
    const float* u = biases + channels;
    for (ptrdiff_t o = 0; o < channels; o += kChannels, u += 16 * kChannels) {
        Vec y[4];
        outputs(tiles, [&](int k) { return four(u + k * kChannels); }, four(biases + o), y);
        const Vec most = max(max(y[1], y[3]), max(max(y[0], y[2]), zero()));
        const Vec sorted = _mm512_permutexvar_ps(gather, most);
        float* to = target.y + at + o * target.channel;
        _mm_storeu_ps(to, _mm512_extractf32x4_ps(sorted, 0));
        _mm_storeu_ps(to + target.channel, _mm512_extractf32x4_ps(sorted, 1));
        _mm_storeu_ps(to + 2 * target.channel, _mm512_extractf32x4_ps(sorted, 2));
        _mm_storeu_ps(to + 3 * target.channel, _mm512_extractf32x4_ps(sorted, 3));
    }
}
#endif

inline void all_tiles(const ConvShape& s, const float* v, const float* biases, const Target& target,
                      ptrdiff_t count) {
    for (ptrdiff_t at = 0; at < count; v += kGroup) {
        if constexpr (kVectors == 2) {
            if (at + 2 * kLanes <= count && !target.indices) {
                products<true, InMemory<2>>(s, v, biases, target, at, kLanes);
                at += 2 * kLanes;
            } else {
                for (int i = 0; i < 2 && at < count; ++i, at += kLanes)
                    tiles<InMemory<1>>(s, v + i * kLanes, biases, target, at,
                                       min(count - at, kLanes));
            }
        } else {
#if defined(__AVX512F__)
            if (count - at == 4 && s.channels_out % kChannels == 0 && !target.indices) {
                last_tiles(s, v, biases, target, at);
                return;
            }
#endif
            tiles<InRegisters>(s, v, biases, target, at, min(count - at, kLanes));
            at += kLanes;
        }
    }
}

inline bool run(const ConvShape& s, const float* x, const void* prepared, float* y,
                unsigned char* indices, ptrdiff_t row0, ptrdiff_t row1, void* workspace) {
    const Plan p = plan(s, row1 - row0);
    float* v = static_cast<float*>(workspace);  // [16 tiles_of_v]
    float* planes = v + 16 * tiles_of_v(p);
    clear_ends(s, p, planes);
    for (ptrdiff_t top = row0; top < row1; top += p.strip) {
        const ptrdiff_t bottom = min(row1, top + p.strip), at = top * p.tiles;
        const ptrdiff_t count = (bottom - top) * p.tiles;
        if (!below(input(s, p, x, top, bottom, planes), kInputLimit)) return false;
        transform(p, planes, count, v);
        all_tiles(s, v, static_cast<const float*>(prepared),
                  {y + at, indices ? indices + at : nullptr, s.output.h * s.output.w}, count);
    }
    return true;
}

}  // namespace winograd_f2x2::single_channel
