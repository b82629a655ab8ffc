/* Brings a decoded picture to a network's size and colour; every byte is as Pillow's in Python.
   C99 or C++; allocates nothing and has no state, so it is thread-safe. Needs the math library. */
#ifndef CNNKIT_FITTING_H
#define CNNKIT_FITTING_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { CNNKIT_FIT_NONE, CNNKIT_FIT_STRETCH, CNNKIT_FIT_PAD, CNNKIT_FIT_CROP };
enum {
    CNNKIT_FILTER_NEAREST,
    CNNKIT_FILTER_BOX,
    CNNKIT_FILTER_BILINEAR,
    CNNKIT_FILTER_BICUBIC,
    CNNKIT_FILTER_LANCZOS
};

/* 8 bits a sample, row by row, the samples of a pixel side by side. */
typedef struct {
    const uint8_t* pixels;
    int channels; /* 1: gray, 2: gray and alpha, 3: RGB, 4: RGBA */
    int height, width;
} cnnkit_picture;

/* What the network takes, as its preprocessing record says. */
typedef struct {
    int channels, height, width; /* channels is 1 or 3 */
    int mode;                    /* CNNKIT_FIT_... */
    int filter;                  /* CNNKIT_FILTER_... */
    int fill;                    /* around a padded picture, 0 to 255 */
    int interleaved;             /* 0: planes [C, H, W]; 1: [H, W, C] */
} cnnkit_fitting;

/* Return the size of the working memory for a picture of this size, of which `pixels` is not read;
   0 if cnnkit_fit would return an error. Rows are resampled as they are needed, so that it is a
   small part of a large picture. */
size_t cnnkit_fit_bytes(const cnnkit_fitting* fitting, const cnnkit_picture* picture);

/* Write channels * height * width bytes to `image`. A transparent picture is seen on white.
   `work` is aligned as malloc aligns. Return NULL, or what is wrong with the picture. */
const char* cnnkit_fit(const cnnkit_fitting* fitting, const cnnkit_picture* picture, void* work,
                       uint8_t* image);

#ifdef __cplusplus
}
#endif
#endif
