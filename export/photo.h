/* Reads a picture file: binary PGM, PPM and PAM; JPEG if it is compiled with CNNKIT_WITH_JPEG and
   libjpeg, PNG with CNNKIT_WITH_PNG and libpng. What a camera noted is done: the picture is turned
   as it is to be seen. The pixels are those of Pillow in Python. C99 or C++. */
#ifndef CNNKIT_PHOTO_H
#define CNNKIT_PHOTO_H

#include "netpbm.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Describe the picture in `count` bytes. Its pixels are in those bytes, or in `*memory`, which is
   to be freed in any case. Return NULL, or what is wrong with the file. */
const char* cnnkit_read_photo(const uint8_t* bytes, size_t count, cnnkit_picture* picture,
                              uint8_t** memory);

#ifdef __cplusplus
}
#endif
#endif
