// The vector words that the kernels are written in, for one lane: plain C++.
// Included inside an ISA file's anonymous namespace.

using Vec = float;
constexpr int kLanes = 1;
constexpr int kRegisters = 16;

inline Vec zero() { return 0.0f; }
inline Vec set1(float value) { return value; }
inline Vec broadcast(const float* from) { return *from; }
inline Vec load(const float* from) { return *from; }
inline void store(float* to, Vec v) { *to = v; }
inline Vec fma(Vec a, Vec b, Vec c) { return c + a * b; }
// The maximum as PyTorch has it: NaN wins.
inline Vec max_nan(Vec a, Vec b) { return a > b || a != a ? a : b; }
