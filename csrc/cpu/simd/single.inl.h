// What the kernels of programs need besides, where an instruction set has nothing better.

// c + a b of one float in every lane.
inline Vec fma_broadcast(const float* a, Vec b, Vec c) { return fma(broadcast(a), b, c); }
// As store(): at most eight lanes.
inline void store_few(float* to, Vec v) { store(to, v); }
