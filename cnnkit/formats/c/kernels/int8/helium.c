/* Helium (Cortex-M55, M85): 16 bytes side by side. Both factors of its products have a sign, so
 * bytes x are read as x - 128, and 128 times the sum of their weights is added. Its loops end
 * within a vector. Not with -Os, because it takes more code. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_MVE) && !defined(__OPTIMIZE_SIZE__)
#if __ARM_FEATURE_MVE & 2
#include <arm_mve.h>
#define HELIUM 1
#endif
#endif

#ifdef HELIUM
enum { FLIP = 0x80 }; /* turns a byte x into x - 128 */

/* Copy bytes, of which the bits of `flip` change. */
INLINE void copy_flipped(uint8_t* to, const uint8_t* from, int count, int flip) {
    __asm__ volatile(
        "vdup.8 q7, %[flip]\n\tdlstp.8 lr, %[count]\n1:\n\t"
        "vldrb.8 q0, [%[from]], #16\n\tveor q0, q0, q7\n\tvstrb.8 q0, [%[to]], #16\n\t"
        "letp lr, 1b"
        : [to] "+r"(to), [from] "+r"(from)
        : [flip] "r"(flip), [count] "r"(count)
        : "lr", "q0", "q7", "memory");
}

/* Add to two biases what is lost with x - 128. */
INLINE void add_flips(const int8_t* w0, const int8_t* w1, int count, int32_t bias[2]) {
    int32_t s0 = 0, s1 = 0;
    __asm__ volatile(
        "dlstp.8 lr, %[count]\n1:\n\t"
        "vldrb.8 q0, [%[w0]], #16\n\tvldrb.8 q1, [%[w1]], #16\n\t"
        "vaddva.s8 %[s0], q0\n\tvaddva.s8 %[s1], q1\n\tletp lr, 1b"
        : [w0] "+r"(w0), [w1] "+r"(w1), [s0] "+Te"(s0), [s1] "+Te"(s1)
        : [count] "r"(count)
        : "lr", "q0", "q1", "memory");
    bias[0] += 128 * s0;
    bias[1] += 128 * s1;
}

/* Two flipped windows by two rows of weights. Sums begin with two biases. */
INLINE void flipped_2x2(const uint8_t* x0, const uint8_t* x1, const int8_t* w0, const int8_t* w1,
                        int count, const int32_t bias[2], int32_t* y0, int32_t* y1) {
    int32_t s00 = bias[0], s01 = bias[1], s10 = s00, s11 = s01;
    __asm__ volatile(
        "dlstp.8 lr, %[count]\n1:\n\t"
        "vldrb.8 q0, [%[x0]], #16\n\tvldrb.8 q2, [%[w0]], #16\n\tvldrb.8 q1, [%[x1]], #16\n\t"
        "vmladava.s8 %[s00], q0, q2\n\tvldrb.8 q3, [%[w1]], #16\n\tvmladava.s8 %[s10], q1, q2\n\t"
        "vmladava.s8 %[s01], q0, q3\n\tvmladava.s8 %[s11], q1, q3\n\tletp lr, 1b"
        : [x0] "+r"(x0), [x1] "+r"(x1), [w0] "+r"(w0), [w1] "+r"(w1), [s00] "+Te"(s00),
          [s01] "+Te"(s01), [s10] "+Te"(s10), [s11] "+Te"(s11)
        : [count] "r"(count)
        : "lr", "q0", "q1", "q2", "q3", "memory");
    y0[0] = s00;
    y0[1] = s01;
    y1[0] = s10;
    y1[1] = s11;
}

/* The nearest numbers from 0 to 255. */
INLINE int32x4_t as_bytes(int32x4_t values) {
    return vminq_s32(vmaxq_s32(values, vdupq_n_s32(0)), vdupq_n_s32(255));
}

/* Four sums times their factors as bytes, in 32 bits each, whose zero point stands for 0. */
INLINE int32x4_t requantised_four(int32x4_t sums, float32x4_t factor, int zero) {
    const int32x4_t nearest_even = vcvtnq_s32_f32(vmulq_f32(vcvtq_f32_s32(sums), factor));
    return as_bytes(vqaddq_n_s32(nearest_even, zero));
}

/* Sums beside each other as bytes. */
INLINE void requantise_all(const int32_t* sums, const float* factor, int zero, int count,
                           uint8_t* y) {
    for (int k = count / 4; k; --k, sums += 4, factor += 4, y += 4) {
        vstrbq_s32((int8_t*)y, requantised_four(vldrwq_s32(sums), vldrwq_f32(factor), zero));
    }
    if (count % 4) {
        const mve_pred16_t rest = vctp32q((uint32_t)(count % 4));
        vstrbq_p_s32((int8_t*)y,
                     requantised_four(vldrwq_z_s32(sums, rest), vldrwq_z_f32(factor, rest), zero),
                     rest);
    }
}
#endif
