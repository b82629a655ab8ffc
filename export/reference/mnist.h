/* cnnkit model: mnist.h and mnist.c, a convolutional network of 2,710 parameters in C99.
 *
 *     float probabilities[CNNKIT_MNIST_CLASSES];
 *     int label = cnnkit_mnist_predict(pixels, probabilities);
 *     puts(cnnkit_mnist_names[label]);
 *
 * Pixels: uint8_t [1][28][28], raw, from 0 to 255, white on black; scaled inside.
 * Flash:  11,412 bytes of constants, and the code.
 * RAM:    no variables; 10,328 bytes of arrays on the stack during a call, and a few hundred more
 *         (up to 4 KB with -O3 and wide vectors).
 * Calls:  no allocation and no state: any number of threads may call at once.
 * Needs:  C99, and expf of the C library unless CNNKIT_MNIST_OWN_EXPF is defined. With -O3 and the
 *         processor's vectors (say -mavx2 -mfma) it is fastest; GCC's -std=c99 keeps it from
 *         fusing multiplication and addition, -std=gnu99 or -ffp-contract=fast lets it.
 * Test:   compile with -DCNNKIT_MNIST_SELF_TEST and call cnnkit_mnist_self_test() first.
 * Right:  97.69% of the test images.
 */
#ifndef CNNKIT_MNIST_H
#define CNNKIT_MNIST_H

#include <stdint.h>

#define CNNKIT_MNIST_CHANNELS 1
#define CNNKIT_MNIST_HEIGHT 28
#define CNNKIT_MNIST_WIDTH 28
#define CNNKIT_MNIST_PIXELS 784
#define CNNKIT_MNIST_CLASSES 10
#define CNNKIT_MNIST_STACK_BYTES 10328 /* of arrays, during a call */
#define CNNKIT_MNIST_EXPORT 0x748e7587 /* mnist.c checks that both files are of one export */
#define CNNKIT_MNIST_WEIGHTS_SHA256 \
    "2f07a3eb5200c0130fe5769f0787d826ef1bde621b1006c9e164d233c727cbbb"

#ifdef __cplusplus
extern "C" {
#endif

/* What the classes are called, in UTF-8. */
extern const char *const cnnkit_mnist_names[CNNKIT_MNIST_CLASSES];

/* Return the likeliest class of a picture, and the probability of each. */
int cnnkit_mnist_predict(const uint8_t pixels[CNNKIT_MNIST_PIXELS],
    float probabilities[CNNKIT_MNIST_CLASSES]);

/* Write the classes' logits: what probabilities are made of. */
void cnnkit_mnist_logits(const uint8_t pixels[CNNKIT_MNIST_PIXELS],
    float logits[CNNKIT_MNIST_CLASSES]);

#ifdef CNNKIT_MNIST_SELF_TEST
/* Classify 16 pictures whose answers are known; return how many come out wrong: 0 is right. */
int cnnkit_mnist_self_test(void);
#endif

#ifdef __cplusplus
}
#endif

#endif

/* metadata: {
 "channels": 1,
 "cnnkit.architecture": {
  "blocks": [
   {
    "channels": 16,
    "kernel": 3,
    "padding": 1,
    "pool": 2
   },
   {
    "channels": 4,
    "kernel": 3,
    "padding": 1,
    "pool": 2
   }
  ],
  "classes": 10,
  "input": [
   1,
   28,
   28
  ]
 },
 "cnnkit.contract": 1,
 "cnnkit.dataset": "mnist",
 "cnnkit.dataset_sha256": {
  "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
  "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
  "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
  "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
 },
 "cnnkit.golden.tolerance": 0.00027594060897827153,
 "cnnkit.preprocessing": {
  "colours": "white digit on black",
  "layout": "NCHW",
  "range": [
   0,
   255
  ],
  "scale": 0.00392156862745098,
  "scaled_inside": true
 },
 "cnnkit.signature": {
  "image": "uint8[N,1,28,28]",
  "label": "int64[N]",
  "logits": "float32[N,10]",
  "probabilities": "float32[N,10]"
 },
 "cnnkit.test_accuracy": 0.9769,
 "cnnkit.training": {
  "batch_size": 16,
  "epochs": 30,
  "learning_rate": 0.0001,
  "schedule": "constant",
  "seed": 0,
  "weight_decay": 0.0
 },
 "cnnkit.weights_sha256": "2f07a3eb5200c0130fe5769f0787d826ef1bde621b1006c9e164d233c727cbbb",
 "imgsz": [
  28,
  28
 ],
 "names": [
  "0",
  "1",
  "2",
  "3",
  "4",
  "5",
  "6",
  "7",
  "8",
  "9"
 ],
 "task": "classify",
 "version": "0.1.0"
} */
