/* Prints what each file holds, or what is wrong with it: read_netpbm FILE... See test_netpbm.py. */
#include <stdio.h>
#include <stdlib.h>

#include "netpbm.h"

int main(int count, char** paths) {
    for (int i = 1; i < count; ++i) {
        FILE* file = fopen(paths[i], "rb");
        if (!file || fseek(file, 0, SEEK_END)) return 2;
        const size_t size = (size_t)ftell(file);
        uint8_t* bytes = malloc(size ? size : 1); /* exactly, so that a sanitizer sees the end */
        rewind(file);
        if (fread(bytes, 1, size, file) != size) return 2;
        cnnkit_picture p;
        const char* problem = cnnkit_read_netpbm(bytes, size, &p);
        unsigned sum = 0;
        for (int at = 0; !problem && at < p.channels * p.height * p.width; ++at)
            sum += p.pixels[at];
        if (problem)
            printf("%s\n", problem);
        else
            printf("%d %d %d %u\n", p.channels, p.height, p.width, sum);
        free(bytes);
        fclose(file);
    }
    return 0;
}
