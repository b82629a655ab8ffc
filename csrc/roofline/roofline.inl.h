// What one core can do at most, in bursts that roofline.cpp times: independent multiply-adds, and
// reading. Included inside an ISA file's anonymous namespace, after its SIMD wrappers.

namespace roofline {

// More chains than latency x pipes of any processor so far (4 x 2), and they fit the registers.
constexpr int kChains = kRegisters >= 32 ? 16 : 12;
constexpr ptrdiff_t kFlopPerTurn = ptrdiff_t{2} * kChains * kLanes;

// The sum keeps the compiler from dropping the work.
inline float total(const Vec (&chains)[kChains]) {
    alignas(64) float lanes[kLanes];
    float sum = 0.0f;
    for (int c = 0; c < kChains; ++c) {
        store(lanes, chains[c]);
        for (int i = 0; i < kLanes; ++i) sum += lanes[i];
    }
    return sum;
}

// Every chain starts elsewhere: equal chains would be merged into one. All converge to 1, far from
// denormals.
inline void start(Vec (&chains)[kChains]) {
    for (int c = 0; c < kChains; ++c) chains[c] = set1(1.0f + 0.01f * static_cast<float>(c));
}

inline float multiply_add(ptrdiff_t turns) {
    Vec chains[kChains];
    start(chains);
    const Vec half = set1(0.5f);
    for (ptrdiff_t t = 0; t < turns; ++t) {
#pragma GCC unroll 16  // kChains at most: rolled up, the chains would live in memory
        for (int c = 0; c < kChains; ++c) chains[c] = fma(chains[c], half, half);
    }
    return total(chains);
}

// Reads `count` floats, a multiple of kChains * kLanes, `passes` times.
inline float read(const float* from, ptrdiff_t count, ptrdiff_t passes) {
    Vec chains[kChains];
    start(chains);
    const Vec half = set1(0.5f);
    for (ptrdiff_t p = 0; p < passes; ++p) {
        for (ptrdiff_t i = 0; i < count; i += kChains * kLanes) {
#pragma GCC unroll 16
            for (int c = 0; c < kChains; ++c)
                chains[c] = fma(chains[c], half, load(from + i + c * kLanes));
        }
    }
    return total(chains);
}

}  // namespace roofline

constexpr Roofline kRoofline = {roofline::kFlopPerTurn, roofline::multiply_add,
                                roofline::kChains * kLanes, roofline::read};
