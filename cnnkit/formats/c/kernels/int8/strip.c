/* Windows of 3x3 of one channel at a time, where two pairs of 16 bits are multiplied at once. */
#ifdef PAIRS_AT_ONCE
/* A row of results, which are by `step` from each other. The three rows that they see are by
 * `pitch` bytes from each other; of each, `taps` has its weights 0 and 1, and 1 and 2. */
struct strip {
    uint8_t* y;
    int zero, step, count;
    int32_t bias;
    float factor;
    const int32_t *x, *taps;
    int pitch;
};

#ifdef ROUNDS_AT_ONCE
/* Four results at a time, with sums in r8 to r11 and all weights in r2 to r7. `rows` computes
 * three rows from x at r0 and goes on by the pitch, which is in r1. */
#define STRIP(rows, next)                                                                         \
    __asm__ volatile(                                                                             \
        "push {r4-r11, lr}\n\t"                                                                   \
        "mov r0, %[s]\n\t"                                                                        \
        "vldmia r0!, {s8-s13}\n\t"                                                                \
        "ldm r0, {r0, r1, r12}\n\t"                                                               \
        "mov lr, r1\n\t"                                                                          \
        "mov r1, r12\n\t"                                                                         \
        "ldm lr, {r2-r7}\n"                                                                       \
        "1:\n\t"                                                                                  \
        "vmov r8, s12\n\t" rows                                                                   \
        "sub r0, r0, r1, lsl #1\n\t"                                                              \
        "add r0, #" next                                                                          \
        "\n\t"                                                                                    \
        "vmov s0, s1, r8, r9\n\t"                                                                 \
        "vmov s2, s3, r10, r11\n\t"                                                               \
        ".irp i,0,1,2,3\n\tvcvt.f32.s32 s\\i, s\\i\n\t.endr\n\t"                                  \
        ".irp i,0,1,2,3\n\tvmul.f32 s\\i, s\\i, s13\n\t.endr\n\t"                                 \
        ".irp i,0,1,2,3\n\tvcvtr.s32.f32 s\\i, s\\i\n\t.endr\n\t"                                 \
        "vmov r8, r9, s0, s1\n\t"                                                                 \
        "vmov r10, r11, s2, s3\n\t"                                                               \
        "vmov r12, lr, s8, s9\n\t"                                                                \
        "cmp lr, #0\n\t"                                                                          \
        "beq 4f\n\t" /* as after ReLU */                                                          \
        ".irp i,8,9,10,11\n\tqadd r\\i, r\\i, lr\n\t.endr\n"                                      \
        "4:\n\t"                                                                                  \
        ".irp i,8,9,10,11\n\tusat r\\i, #8, r\\i\n\t.endr\n\t"                                    \
        "vmov lr, s10\n\t"                                                                        \
        "strb r8, [r12]\n\t"                                                                      \
        "vmov r8, s11\n\t"                                                                        \
        "subs r8, r8, #4\n\t"                                                                     \
        "bmi 2f\n\t"                                                                              \
        "vmov s11, r8\n\t"                                                                        \
        "strb r9, [r12, lr]\n\t"                                                                  \
        "strb r10, [r12, lr, lsl #1]\n\t"                                                         \
        "add r9, r12, lr\n\t"                                                                     \
        "strb r11, [r9, lr, lsl #1]\n\t"                                                          \
        "add r12, r12, lr, lsl #2\n\t"                                                            \
        "vmov s8, r12\n\t"                                                                        \
        "bgt 1b\n\t"                                                                              \
        "b 3f\n"                                                                                  \
        "2:\n\t"                                                                                  \
        "adds r8, r8, #2\n\t"                                                                     \
        "it ge\n\t"                                                                               \
        "strbge r9, [r12, lr]\n\t"                                                                \
        "it gt\n\t"                                                                               \
        "strbgt r10, [r12, lr, lsl #1]\n"                                                         \
        "3:\n\t"                                                                                  \
        "pop {r4-r11, lr}"                                                                        \
        :                                                                                         \
        : [s] "r"(s)                                                                              \
        : "r0", "r1", "r2", "r3", "r12", "s0", "s1", "s2", "s3", "s8", "s9", "s10", "s11", "s12", \
          "s13", "cc", "memory")
/* Beside each other, of which two begin at odd places. */
#define SIDE_BY_SIDE(from, a, c)                                                          \
    "ldrd r12, lr, [r0]\n\t"                                                              \
    "smlatb r9, r12, " a ", " from(9) "smlad r10, lr, " a                                 \
                                      ", " from(10) "smlatb r11, lr, " a                  \
                                                    ", " from(11) "smlad r8, r12, " a     \
                                                                  ", r8\n\t"              \
                                                                  "smlabt r8, lr, " c     \
                                                                  ", r8\n\t"              \
                                                                  "smlad r9, lr, " c      \
                                                                  ", r9\n\t"              \
                                                                  "ldr r12, [r0, #8]\n\t" \
                                                                  "smlabt r10, r12, " c   \
                                                                  ", r10\n\t"             \
                                                                  "smlad r11, r12, " c ", r11\n\t"
#define EVERY_OTHER(a, c)        \
    "ldrd r12, lr, [r0]\n\t"     \
    "smlad r8, r12, " a          \
    ", r8\n\t"                   \
    "smlabt r8, lr, " c          \
    ", r8\n\t"                   \
    "smlad r9, lr, " a           \
    ", r9\n\t"                   \
    "ldrd r12, lr, [r0, #8]\n\t" \
    "smlabt r9, r12, " c         \
    ", r9\n\t"                   \
    "smlad r10, r12, " a         \
    ", r10\n\t"                  \
    "smlabt r10, lr, " c         \
    ", r10\n\t"                  \
    "smlad r11, lr, " a          \
    ", r11\n\t"                  \
    "ldr r12, [r0, #16]\n\t"     \
    "smlabt r11, r12, " c ", r11\n\t"
#define BIAS(i) "r8\n\t"
#define SUM(i) "r" #i "\n\t"
#define DOWN "add r0, r1\n\t"

INLINE void run_strip(const struct strip* s, int stride) {
    if (stride == 1) {
        STRIP(SIDE_BY_SIDE(BIAS, "r2", "r3") DOWN SIDE_BY_SIDE(SUM, "r4", "r5")
                  DOWN SIDE_BY_SIDE(SUM, "r6", "r7"),
              "8");
    } else {
        STRIP("mov r9, r8\n\tmov r10, r8\n\tmov r11, r8\n\t" EVERY_OTHER("r2", "r3")
                  DOWN EVERY_OTHER("r4", "r5") DOWN EVERY_OTHER("r6", "r7"),
              "16");
    }
}
#undef STRIP
#undef SIDE_BY_SIDE
#undef EVERY_OTHER
#undef BIAS
#undef SUM
#undef DOWN
#else
INLINE void run_strip(const struct strip* s, int stride) {
    for (int i = 0; i < s->count; ++i) {
        const uint8_t* from = (const uint8_t*)s->x + 2 * i * stride;
        int32_t sum = s->bias;
        for (int r = 0; r < 3; ++r, from += s->pitch) {
            sum = __smlad((int16x2_t)four(from), s->taps[2 * r], sum);
            sum = __smlabt(from[4], s->taps[2 * r + 1], sum);
        }
        s->y[i * s->step] = requantised(sum, s->factor, s->zero);
    }
}
#endif

/* A row of an image [W][C], four channels beside each other, as 16 bits in rows of their own. */
ONCE void widen_row(const uint8_t* x, int pixels, int channels, int count, uint8_t* to, int next) {
    if (count < 4) {
        for (; pixels; --pixels, x += channels, to += 2) {
            for (int i = 0; i < count; ++i) to[i * next] = x[i];
        }
        return;
    }
#define ONE_OF_EACH()                                    \
    do {                                                 \
        const uint32_t even = (uint32_t)x_even(four(x)); \
        const uint32_t odd = (uint32_t)x_odd(four(x));   \
        to[0] = (uint8_t)even;                           \
        to[next] = (uint8_t)odd;                         \
        to[2 * next] = (uint8_t)(even >> 16);            \
        to[3 * next] = (uint8_t)(odd >> 16);             \
        x += channels, to += 2, --pixels;                \
    } while (0)
    if (pixels && ((uintptr_t)to & 2)) ONE_OF_EACH();
    for (; pixels >= 2; pixels -= 2, x += 2 * channels, to += 4) {
        const uint32_t a = four(x), b = four(x + channels);
        const uint32_t even = (uint32_t)x_even(a), odd = (uint32_t)x_odd(a);
        const uint32_t even_b = (uint32_t)x_even(b), odd_b = (uint32_t)x_odd(b);
        uint32_t* const words = (uint32_t*)(void*)to;
        words[0] = (even & 0xFFFF) | even_b << 16;
        words[next / 4] = (odd & 0xFFFF) | odd_b << 16;
        words[next / 2] = (even >> 16) | (even_b & 0xFFFF0000u);
        words[3 * next / 4] = (odd >> 16) | (odd_b & 0xFFFF0000u);
    }
    if (pixels) ONE_OF_EACH();
#undef ONE_OF_EACH
}

/* The weights of a channel for `run_strip`, whichever of three rows is the first. */
INLINE void widen_taps(const int8_t* w, int channels, int32_t* taps) {
    for (int r = 0; r < 3; ++r, taps += 2, w += 3 * channels) {
        const int32_t second = w[channels], third = w[2 * channels];
        taps[0] = (w[0] & 0xFFFF) | second * 65536;
        taps[1] = (second & 0xFFFF) | third * 65536;
    }
    for (int i = 0; i < 4; ++i) taps[i] = taps[i - 6];
}

/* Windows of 3x3 with a horizontal stride of 1 or 2: `room` is for three rows of four channels,
 * with padding, which take turns. */
INLINE void depthwise_3x3(const struct conv* c, const int8_t* weight, const int32_t* bias,
                          const float* factor, const uint8_t* x, uint8_t* room, uint8_t* y) {
    const int channels = c->in_c, stride = c->stride_w, zero = c->zero << 16 | c->zero;
    const int words = ((c->out_w + 3) / 4 * 4 * stride + 2) / 2, plane = 3 * words;
    const int seen = 2 * words - c->pad_w, pixels = c->in_w < seen ? c->in_w : seen;
    int32_t* const rows = (int32_t*)(void*)(room + (-(uintptr_t)room & 3));
    struct strip s;
    s.zero = c->zero_y;
    s.step = channels;
    s.count = c->out_w;
    s.pitch = 4 * words;
    for (int i = 0; i < 4 * plane; ++i) rows[i] = zero;
    for (int k = 0; k < channels; k += 4) {
        const int count = channels - k < 4 ? channels - k : 4;
        int32_t taps[40];
        for (int i = 0; i < count; ++i) widen_taps(weight + k + i, channels, taps + 10 * i);
        for (int oy = 0, from = 0; oy < c->out_h; ++oy) {
            const int top = oy * c->stride_h;
            for (; from < top + 3; ++from) {
                int32_t* const to = rows + from % 3 * words;
                const int row = from - c->pad_h;
                if (row >= 0 && row < c->in_h) {
                    widen_row(x + row * c->in_w * channels + k, pixels, channels, count,
                              (uint8_t*)to + 2 * c->pad_w, 4 * plane);
                } else {
                    for (int i = 0; i < 4 * plane; i += plane) {
                        for (int at = 0; at < words; ++at) to[i + at] = zero;
                    }
                }
            }
            uint8_t* to = y + oy * c->out_w * channels + k;
            const int32_t *seen = rows, *weights = taps + (3 - top % 3) % 3 * 2;
            for (int i = k; i < k + count; ++i, seen += plane, weights += 10) {
                s.y = to++;
                s.bias = bias[i];
                s.factor = factor[i];
                s.x = seen;
                s.taps = weights;
                run_strip(&s, stride);
            }
        }
    }
}
#endif
