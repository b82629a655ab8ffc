/* Finds the pixels in a binary PGM, PPM or PAM file (P5, P6, P7) of 8 bits. C99 or C++; allocates
   nothing and reads nothing beyond the file's bytes. */
#ifndef CNNKIT_NETPBM_H
#define CNNKIT_NETPBM_H

#include "fitting.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef CNNKIT_LARGEST_PICTURE
#define CNNKIT_LARGEST_PICTURE 50000000 /* pixels */
#endif

/* Describe the picture that begins with the first of `count` bytes; its pixels stay where they are.
   Return NULL, or what is wrong with the file. */
const char* cnnkit_read_netpbm(const uint8_t* bytes, size_t count, cnnkit_picture* picture);

#ifdef __cplusplus
}
#endif
#endif
