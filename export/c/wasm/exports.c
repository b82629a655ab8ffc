/* The network as a WebAssembly module: JavaScript writes pixels() and reads probabilities(). */
#include "fitting.h"
#include "mnist.h"

#ifndef CNNKIT_MNIST_RESIZE_MODE /* pictures must have the network's size */
#define CNNKIT_MNIST_RESIZE_MODE CNNKIT_FIT_NONE
#define CNNKIT_MNIST_RESIZE_FILTER CNNKIT_FILTER_NEAREST
#define CNNKIT_MNIST_RESIZE_FILL 0
#endif

#define EXPORT __attribute__((visibility("default")))

static uint8_t image[CNNKIT_MNIST_PIXELS];
static float shares[CNNKIT_MNIST_CLASSES];

EXPORT uint8_t* pixels(void) { return image; }
EXPORT float* probabilities(void) { return shares; }
EXPORT int predict(void) { return cnnkit_mnist_predict(image, shares); }

EXPORT int resize_mode(void) { return CNNKIT_MNIST_RESIZE_MODE; }
EXPORT int resize_filter(void) { return CNNKIT_MNIST_RESIZE_FILTER; }
EXPORT int resize_fill(void) { return CNNKIT_MNIST_RESIZE_FILL; }

EXPORT int channels(void) { return CNNKIT_MNIST_CHANNELS; }
EXPORT int height(void) { return CNNKIT_MNIST_HEIGHT; }
EXPORT int width(void) { return CNNKIT_MNIST_WIDTH; }
EXPORT int classes(void) { return CNNKIT_MNIST_CLASSES; }
EXPORT const char* name(int k) { return cnnkit_mnist_names[k]; }

#ifdef CNNKIT_MNIST_SELF_TEST
EXPORT int self_test(void) { return cnnkit_mnist_self_test(); }
#endif
