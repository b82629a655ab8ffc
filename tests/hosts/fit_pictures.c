/* Fits every picture of a file of cases: fit_pictures < cases > images. See test_fitting_hosts.py.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fitting.h"

int main(void) {
    int32_t head[10]; /* of the network: channels, height, width, mode, filter, fill, interleaved */
    while (fread(head, sizeof(head), 1, stdin) == 1) {
        const cnnkit_fitting fitting = {head[0], head[1], head[2], head[3],
                                        head[4], head[5], head[6]};
        const size_t count = (size_t)head[7] * (size_t)head[8] * (size_t)head[9];
        const size_t size = (size_t)head[0] * (size_t)head[1] * (size_t)head[2];
        uint8_t *pixels = malloc(count), *image = malloc(size);
        const cnnkit_picture picture = {pixels, head[7], head[8], head[9]};
        void* work = malloc(cnnkit_fit_bytes(&fitting, &picture));
        if (fread(pixels, 1, count, stdin) != count) return 2;
        const char* problem = cnnkit_fit(&fitting, &picture, work, image);
        if (problem) return fprintf(stderr, "%s\n", problem), 1;
        fwrite(image, 1, size, stdout);
        free(work);
        free(image);
        free(pixels);
    }
    return 0;
}
