/* What a network in C needs of the C library, which WebAssembly's own instructions do. */
#ifndef STRING_H
#define STRING_H

#include <stddef.h>

#define memcpy __builtin_memcpy
#define memset __builtin_memset

#endif
