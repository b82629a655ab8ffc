/* Four windows by pairs of output channels, where two pairs of 16 bits are multiplied at once. */
#ifdef PAIRS_AT_ONCE
/* Store two words; return where the next ones go. */
INLINE int32_t* put_two(int32_t* to, int32_t a, int32_t b) {
    __asm__ volatile("strd %1, %2, [%0], #8" : "+r"(to) : "r"(a), "r"(b) : "memory");
    return to;
}

/* Bytes as pairs of 16 bits: of each four the even ones, and four words on the odd ones. What is
 * beyond the bytes is 0. */
ONCE int32_t* widen(const uint8_t* x, int count, int32_t* to) {
    const uint8_t* const end = x + count;
#define WIDEN_FOUR(at)                         \
    do {                                       \
        const uint32_t bytes = four(x + (at)); \
        to[2 * (at)] = x_even(bytes);          \
        to[2 * (at) + 4] = x_odd(bytes);       \
    } while (0)
    for (; count >= 16; count -= 16) {
        WIDEN_FOUR(0);
        WIDEN_FOUR(4);
        WIDEN_FOUR(8);
        WIDEN_FOUR(12);
        x += 16;
        to += 32;
    }
    for (; count >= 4; count -= 4, x += 4, to += 8) WIDEN_FOUR(0);
    if (x < end) {
        uint32_t bytes = 0;
        memcpy(&bytes, x, (size_t)(end - x));
        to[0] = x_even(bytes);
        to[4] = x_odd(bytes);
    }
    return to;
}

/* Likewise what four windows see of a row, which begin beside each other in one channel. Of one
 * byte that is left of a row there is one pair, unless `least` is 0. */
INLINE int32_t* widen_beside(const uint8_t* x, int taps, int least, int32_t* to) {
    for (; taps > 0; taps -= 4, x += 4) {
        const uint32_t bytes = four(x), next = taps > 2 ? four(x + 2) : bytes >> 16;
        const int32_t first = x_even(bytes), second = x_odd(bytes);
        const int32_t third = x_even(next), fourth = x_odd(next);
        to = put_two(to, first, second);
        to = put_two(to, third, fourth);
        if (taps > least) {
            const int32_t fifth = taps > 3   ? x_odd(four(x + 3))
                                  : taps > 2 ? x_even(next >> 16)
                                  : taps > 1 ? x[4]
                                             : 0;
            to = put_two(to, second, third);
            to = put_two(to, fourth, fifth);
        }
    }
    return to;
}

/* Likewise four pixels beside each other, of a multiple of four channels. */
INLINE void widen_pixels(const uint8_t* x, int next, int channels, int32_t* to) {
    for (; channels; channels -= 4, x += 4) {
        const uint32_t a = four(x), b = four(x + next);
        const uint32_t c = four(x + 2 * next), d = four(x + 3 * next);
        to = put_two(to, x_even(a), x_even(b));
        to = put_two(to, x_even(c), x_even(d));
        to = put_two(to, x_odd(a), x_odd(b));
        to = put_two(to, x_odd(c), x_odd(d));
    }
}

/* Windows side by side, pair by pair, and rows of weights, two by two. A window's results are two
 * bytes further for each two rows, and by `step` from those of the window before it; those of the
 * first are written last. */
struct tile {
    const int32_t* bias;
    const float* factor;
    uint8_t* y;
    int zero, step;
    const int32_t *windows, *windows_end, *weights_end;
    int skipped; /* of the first turn of the loop, in bytes */
    const int32_t* weights;
};

#ifdef ROUNDS_AT_ONCE
/* The first pairs begin with the biases; of the others the loop takes eight a turn, of 44 bytes. */
INLINE int skipped_of(int pairs) { return ((1 - pairs) & 7) * 44; }

/* Sums are in r2 to r9, windows at r0 and weights at r1; the structure is in s8 to s16. */
ONCE void run_tile(const struct tile* t) {
    __asm__ volatile(
        ".balign 4\n\t" /* adr counts from a multiple of four; compilers align functions to two */
        "push {r4-r11, lr}\n\t"
        "mov r0, %[t]\n\t"
        "vldm r0, {s8-s16}\n\t"
        "ldr r1, [r0, #36]\n\t"
        "vmov r12, s16\n\t"
        "adr.w lr, 2f\n\t"
        "add r12, lr\n\t"
        "vmov s16, r12\n"
        "1:\n\t"
        "vmov r10, r11, s8, s9\n\t"
        "ldrd r2, r3, [r10], #8\n\t"
        "vldmia r11!, {s17, s18}\n\t"
        "vmov s8, s9, r10, r11\n\t"
        "vmov r0, s13\n\t"
        "ldrd r10, r11, [r1], #8\n\t"
        "ldrd r12, lr, [r0], #8\n\t"
        "ldrd r8, r9, [r0], #8\n\t"
        "smlad r6, r8, r10, r2\n\t"
        "smlad r7, r8, r11, r3\n\t"
        "smlad r8, r9, r10, r2\n\t"
        "smlad r9, r9, r11, r3\n\t"
        "smlad r4, lr, r10, r2\n\t"
        "smlad r5, lr, r11, r3\n\t"
        "smlad r2, r12, r10, r2\n\t"
        "smlad r3, r12, r11, r3\n\t"
        "vmov r12, s16\n\t"
        "mov pc, r12\n"
        "2:\n\t"
        ".rept 8\n\t"
        "ldrd r10, r11, [r1], #8\n\t"
        "ldrd r12, lr, [r0], #8\n\t"
        "smlad r2, r12, r10, r2\n\t"
        "smlad r3, r12, r11, r3\n\t"
        "smlad r4, lr, r10, r4\n\t"
        "smlad r5, lr, r11, r5\n\t"
        "ldrd r12, lr, [r0], #8\n\t"
        "smlad r6, r12, r10, r6\n\t"
        "smlad r7, r12, r11, r7\n\t"
        "smlad r8, lr, r10, r8\n\t"
        "smlad r9, lr, r11, r9\n\t"
        ".endr\n\t"
        "vmov r12, s14\n\t"
        "cmp r0, r12\n\t"
        "bne 2b\n\t"
        "vmov s0, s1, r2, r3\n\t"
        "vmov s2, s3, r4, r5\n\t"
        "vmov s4, s5, r6, r7\n\t"
        "vmov s6, s7, r8, r9\n\t"
        ".irp i,0,1,2,3,4,5,6,7\n\tvcvt.f32.s32 s\\i, s\\i\n\t.endr\n\t"
        ".irp i,0,2,4,6\n\tvmul.f32 s\\i, s\\i, s17\n\t.endr\n\t"
        ".irp i,1,3,5,7\n\tvmul.f32 s\\i, s\\i, s18\n\t.endr\n\t"
        ".irp i,0,1,2,3,4,5,6,7\n\tvcvtr.s32.f32 s\\i, s\\i\n\t.endr\n\t"
        "vmov r2, r3, s0, s1\n\t"
        "vmov r4, r5, s2, s3\n\t"
        "vmov r6, r7, s4, s5\n\t"
        "vmov r8, r9, s6, s7\n\t"
        "vmov r10, r0, s10, s11\n\t"
        "vmov r12, s12\n\t"
        "cbz r0, 3f\n\t" /* as after ReLU */
        ".irp i,2,3,4,5,6,7,8,9\n\tqadd r\\i, r\\i, r0\n\t.endr\n"
        "3:\n\t"
        ".irp i,2,3,4,5,6,7,8,9\n\tusat r\\i, #8, r\\i\n\t.endr\n\t"
        "add lr, r10, r12\n\t"
        "orr r8, r8, r9, lsl #8\n\t"
        "strh r8, [lr, r12, lsl #1]\n\t"
        "orr r6, r6, r7, lsl #8\n\t"
        "strh r6, [r10, r12, lsl #1]\n\t"
        "orr r4, r4, r5, lsl #8\n\t"
        "strh r4, [r10, r12]\n\t"
        "orr r2, r2, r3, lsl #8\n\t"
        "strh r2, [r10], #2\n\t"
        "vmov s10, r10\n\t"
        "vmov r12, s15\n\t"
        "cmp r1, r12\n\t"
        "bne.w 1b\n\t"
        "pop {r4-r11, lr}"
        :
        : [t] "r"(t)
        : "r0", "r1", "r2", "r3", "r12", "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9",
          "s10", "s11", "s12", "s13", "s14", "s15", "s16", "s17", "s18", "cc", "memory");
}
#else
INLINE int skipped_of(int pairs) { return 0 * pairs; }

ONCE void run_tile(const struct tile* of) {
    for (struct tile t = *of; t.weights != t.weights_end; t.bias += 2, t.factor += 2, t.y += 2) {
        int32_t s[8];
        for (int i = 0; i < 8; ++i) s[i] = t.bias[i % 2];
        for (const int32_t* x = t.windows; x != t.windows_end; x += 4, t.weights += 2) {
            for (int i = 0; i < 8; ++i) s[i] = __smlad(x[i / 2], t.weights[i % 2], s[i]);
        }
        for (int i = 7; i >= 0; --i) {
            t.y[i / 2 * t.step + i % 2] = requantised(s[i], t.factor[i % 2], t.zero);
        }
    }
}
#endif
#endif
