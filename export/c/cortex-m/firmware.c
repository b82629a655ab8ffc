/* Classify pictures on a Cortex-M: pictures.raw contains their raw pixels, one after another, as
 * binary PGM and PPM files have them. */
#include "mnist.h"
#include "semihosting.h"

/* SysTick counts down with the processor clock. */
#define SYST_CSR (*(volatile uint32_t*)0xE000E010)
#define SYST_RVR (*(volatile uint32_t*)0xE000E014)
#define SYST_CVR (*(volatile uint32_t*)0xE000E018)
enum { LARGEST = 0xFFFFFF, ENABLE = 5 };

static void print_number(uint32_t number) {
    char digits[11] = {0};
    int at = 10;
    do digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    print(digits + at);
}

/* Put the colours of a picture behind one another, as the network takes them. */
static void separate(const uint8_t* picture, uint8_t* pixels) {
    const int area = CNNKIT_MNIST_HEIGHT * CNNKIT_MNIST_WIDTH;
    for (int i = 0; i < area; ++i) {
        for (int c = 0; c < CNNKIT_MNIST_CHANNELS; ++c) pixels[c * area + i] = *picture++;
    }
}

int main(void) {
    static uint8_t picture[CNNKIT_MNIST_PIXELS];
    uint8_t pixels[CNNKIT_MNIST_PIXELS];
    float probabilities[CNNKIT_MNIST_CLASSES];
    uint32_t ticks = 0;
    const int wrong = cnnkit_mnist_self_test();
    if (wrong) {
        print("the self-test failed: ");
        print_number((uint32_t)wrong);
        print(" golden pictures come out wrong\n");
        return 1;
    }
    const int file = open_file("pictures.raw");
    if (file < 0) {
        print("pictures.raw cannot be read\n");
        return 2;
    }
    SYST_RVR = LARGEST;
    SYST_CSR = ENABLE;
    while (read_file(file, picture, sizeof picture)) {
        separate(picture, pixels);
        SYST_CVR = 0;
        const int label = cnnkit_mnist_predict(pixels, probabilities);
        ticks = LARGEST - SYST_CVR;
        print(cnnkit_mnist_names[label]);
        print("  (");
        print_number((uint32_t)(probabilities[label] * 1000.0f + 0.5f));
        print(" of 1000)\n");
    }
    print_number(ticks);
    print(" ticks of the clock for the last picture\n");
    return 0;
}
