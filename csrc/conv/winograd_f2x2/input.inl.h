// Few channels by Winograd's F(2x2, 3x3): the input's transform along x. After plan.inl.h.

namespace winograd_f2x2 {

// The input transform along x of columns a b c d, the last one with its sign turned, to the four
// planes at `to`.
inline void put(const Plan& p, Vec a, Vec b, Vec c, Vec d, float* to) {
    store(to, sub(a, c));
    store(to + p.plane, add(b, c));
    store(to + 2 * p.plane, sub(c, b));
    store(to + 3 * p.plane, sub(d, b));
}

// The vectors of tiles from t on of every row of every channel. What is stored beyond a row's end
// belongs to the next row, so the vectors at the rows' ends come first. `inner` vectors need no
// masks.
template <bool inner>
inline Magnitude vectors_of_rows(const ConvShape& s, const Plan& p, const float* x, ptrdiff_t top,
                                 ptrdiff_t bottom, ptrdiff_t t, float* planes, Magnitude most) {
    const ptrdiff_t left = 2 * t - 1, width = s.input.w;
    const Mask l0 = mask_lanes(-left, width - left), l1 = mask_lanes(0, width - left - kLanes),
               r0 = mask_lanes(0, width - left - 2), r1 = mask_lanes(0, width - left - 2 - kLanes);
    for (ptrdiff_t c = 0; c < s.channels_in; ++c, x += s.input.h * width) {
        for (ptrdiff_t parity = 0; parity < 2; ++parity, planes += 4 * p.plane) {
            float* to = planes + t;
            for (ptrdiff_t r = top; r <= bottom; ++r, to += p.pitch) {
                const ptrdiff_t y = 2 * r - 1 + parity;
                if (y < 0 || y >= s.input.h) {
                    put(p, zero(), zero(), zero(), zero(), to);
                    continue;
                }
                const float *from = x + y * width + left, *next = from + 2;
                const Vec p0 = inner ? load(from) : load_mask(from, l0);
                const Vec p1 = inner ? load(from + kLanes) : load_mask(from + kLanes, l1);
                const Vec q0 = inner ? load(next) : load_mask(next, r0);
                const Vec q1 = inner ? load(next + kLanes) : load_mask(next + kLanes, r1);
                most = magnitude(magnitude(magnitude(magnitude(most, p0), p1), q0), q1);
                Vec a, b, c, d;
                deinterleave(p0, p1, a, b);
                deinterleave(q0, q1, c, d);
                put(p, a, b, c, d, to);
            }
        }
    }
    return most;
}

inline Magnitude wide_rows(const ConvShape& s, const Plan& p, const float* x, ptrdiff_t top,
                           ptrdiff_t bottom, float* planes) {
    Magnitude most = no_magnitude();
    for (ptrdiff_t t = round_up(p.tiles, kLanes) - kLanes; t >= 0; t -= kLanes) {
        if (t > 0 && 2 * (t + kLanes) < s.input.w) {
            most = vectors_of_rows<true>(s, p, x, top, bottom, t, planes, most);
        } else {
            most = vectors_of_rows<false>(s, p, x, top, bottom, t, planes, most);
        }
    }
    return most;
}

#if defined(__AVX512F__)
// Up to kLanes + 14 pixels and the padding left of them fit two vectors, from which any pixels can
// be permuted together: two rows of up to 7 tiles, or one of up to 15.
inline Magnitude narrow_rows(const ConvShape& s, const Plan& p, const float* x, ptrdiff_t top,
                             ptrdiff_t bottom, float* planes) {
    const bool pairs = winograd_f2x2::pairs(p.tiles);
    const ptrdiff_t width = s.input.w;
    const ptrdiff_t apart = p.fold ? p.fold : 1;  // tile rows between the two
    const ptrdiff_t step = pairs && !p.fold ? 2 : 1, end = p.fold ? top + p.fold : bottom + 1;
    // Lane l is pixel 2l + j of the first row, or from lane `pitch` on 2(l - pitch) + j of the
    // second.
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const Mask second = pairs ? mask_lanes(p.pitch, kLanes) : Mask(0);
    __m512i index[4];
    index[0] =
        _mm512_mask_add_epi32(_mm512_add_epi32(lane, lane), second, _mm512_add_epi32(lane, lane),
                              _mm512_set1_epi32(static_cast<int>(kLanes - 2 * p.pitch)));
    for (int j = 1; j < 4; ++j) index[j] = _mm512_add_epi32(index[j - 1], _mm512_set1_epi32(1));
    const Mask inside = mask_lanes(1, width + 1);
    const Mask beside = pairs ? inside : mask_lanes(0, width + 1 - kLanes);
    const ptrdiff_t next = pairs ? 2 * apart * width : kLanes;
    const ptrdiff_t floats = p.fold ? kLanes : step * p.pitch, below = pairs ? 2 * apart : 0;
    Magnitude most = no_magnitude();
    for (ptrdiff_t c = 0; c < s.channels_in; ++c, x += s.input.h * width) {
        for (ptrdiff_t parity = 0; parity < 2; ++parity, planes += 4 * p.plane) {
            float* to = planes;
            for (ptrdiff_t r = top; r < end; r += step, to += floats) {
                const ptrdiff_t y = 2 * r - 1 + parity;
                const bool first_in = y >= 0 && y < s.input.h;
                const bool second_in = pairs ? y + below < s.input.h : first_in;
                const float* row = x + y * width - 1;
                Vec a = zero(), b = zero();
                if (first_in) a = load_mask(row, inside);
                if (second_in) b = load_mask(row + next, beside);
                most = magnitude(magnitude(most, a), b);
                put(p, permute(a, index[0], b), permute(a, index[1], b), permute(a, index[2], b),
                    permute(a, index[3], b), to);
            }
        }
    }
    return most;
}
#endif

// What is read but never written becomes zero: whatever stood there reaches no result, but were it
// denormal, every multiplication with it would cost an Intel processor 150 cycles.
inline void clear_ends(const ConvShape& s, const Plan& p, float* planes) {
    const ptrdiff_t last = s.channels_in * 8;
    if (p.written < p.plane) {
        for (ptrdiff_t i = 1; i <= last; ++i)
            for (ptrdiff_t at = i * p.plane - 16; at < i * p.plane; at += kLanes)
                store(planes + at, zero());
    }
    for (ptrdiff_t at = 0; at < slack(p); at += kLanes) store(planes + last * p.plane + at, zero());
}

// Tile rows top <= r <= bottom of every channel; the last one for its first two rows, which the one
// above it shares.
inline Magnitude input(const ConvShape& s, const Plan& p, const float* x, ptrdiff_t top,
                       ptrdiff_t bottom, float* planes) {
#if defined(__AVX512F__)
    if (p.tiles < kLanes) return narrow_rows(s, p, x, top, bottom, planes);
#endif
    return wide_rows(s, p, x, top, bottom, planes);
}

}  // namespace winograd_f2x2
