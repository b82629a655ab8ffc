/* From reset to main: enable the FPU if there is one, initialise .data and .bss. */
#include "semihosting.h"

extern uint32_t stack_top, data_from, data_start, data_end, bss_start, bss_end; /* board.ld */
int main(void);

static void fault(void) {
    print("the processor stopped: a fault\n");
    end(3);
    for (;;) {
    }
}

static void reset(void) {
#ifdef __ARM_FP
    *(volatile uint32_t*)0xE000ED88 |= 0xFu << 20; /* CPACR: full access to the FPU */
    __asm__ volatile("dsb\n\tisb");
#endif
    for (uint32_t *from = &data_from, *to = &data_start; to < &data_end;) *to++ = *from++;
    for (uint32_t* to = &bss_start; to < &bss_end;) *to++ = 0;
    end(main());
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static const struct {
    uint32_t* stack;
    void (*handlers[15])(void);
} vectors = {&stack_top,
             {reset, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault, fault,
              fault, fault, fault}};
