// The vector words that the kernels are written in, for NEON on AArch64: 4 floats.
// Included inside an ISA file's anonymous namespace, after <arm_neon.h>.

using Vec = float32x4_t;
constexpr int kLanes = 4;
constexpr int kRegisters = 32;

inline Vec zero() { return vdupq_n_f32(0.0f); }
inline Vec set1(float value) { return vdupq_n_f32(value); }
inline Vec broadcast(const float* from) { return vld1q_dup_f32(from); }
inline Vec load(const float* from) { return vld1q_f32(from); }
inline void store(float* to, Vec v) { vst1q_f32(to, v); }
inline Vec fma(Vec a, Vec b, Vec c) { return vfmaq_f32(c, a, b); }  // c + a b
inline Vec max_nan(Vec a, Vec b) { return vmaxq_f32(a, b); }  // FMAX: NaN wins, as PyTorch has it
