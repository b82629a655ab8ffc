// The sum of a vector's lanes. Included inside an ISA file's anonymous namespace, after its SIMD
// wrappers.

// In halves, which wait for each other less often than lane after lane.
inline float lane_sum(const float* from) {
    float lanes[kLanes];
    store(lanes, load(from));
#pragma GCC unroll 4
    for (int half = kLanes / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
    }
    return lanes[0];
}
