/* Writes what a network takes of picture files: photo_bytes CHANNELS HEIGHT WIDTH FILL FILE... */
#include <stdio.h>
#include <stdlib.h>

#include "fitting.h"
#include "photo.h"

int main(int count, char** words) {
    const cnnkit_fitting fitting = {atoi(words[1]),
                                    atoi(words[2]),
                                    atoi(words[3]),
                                    CNNKIT_FIT_PAD,
                                    CNNKIT_FILTER_BILINEAR,
                                    atoi(words[4]),
                                    0};
    const size_t size = (size_t)fitting.channels * (size_t)fitting.height * (size_t)fitting.width;
    for (int i = 5; i < count; ++i) {
        enum { MOST = 1 << 20 };
        FILE* file = fopen(words[i], "rb");
        uint8_t *bytes = malloc(MOST), *image = calloc(1, size), *memory = NULL;
        cnnkit_picture picture;
        if (!file || !bytes || !image) return 1;
        const size_t length = fread(bytes, 1, MOST, file);
        bytes = realloc(bytes, length + !length); /* a sanitizer sees what reads beyond it */
        const char* problem = cnnkit_read_photo(bytes, length, &picture, &memory);
        if (!problem) {
            void* work = malloc(cnnkit_fit_bytes(&fitting, &picture));
            problem = cnnkit_fit(&fitting, &picture, work, image);
            free(work);
        }
        if (problem) fprintf(stderr, "%s: %s\n", words[i], problem);
        fwrite(image, 1, size, stdout); /* zeros of what cannot be read */
        free(memory);
        free(image);
        free(bytes);
        fclose(file);
    }
    return 0;
}
