/* Classify pictures: ./classify one.jpg another.ppm */
#include <stdio.h>
#include <stdlib.h>

#include "fitting.h"
#include "mnist.h"
#include "photo.h"

#ifndef CNNKIT_MNIST_RESIZE_MODE /* pictures must have the network's size */
#define CNNKIT_MNIST_RESIZE_MODE CNNKIT_FIT_NONE
#define CNNKIT_MNIST_RESIZE_FILTER CNNKIT_FILTER_NEAREST
#define CNNKIT_MNIST_RESIZE_FILL 0
#endif

enum { LARGEST_FILE = 4 * CNNKIT_LARGEST_PICTURE + 4096, CLASSES = CNNKIT_MNIST_CLASSES };

static const cnnkit_fitting FITTING = {
    .channels = CNNKIT_MNIST_CHANNELS,
    .height = CNNKIT_MNIST_HEIGHT,
    .width = CNNKIT_MNIST_WIDTH,
    .mode = CNNKIT_MNIST_RESIZE_MODE,
    .filter = CNNKIT_MNIST_RESIZE_FILTER,
    .fill = CNNKIT_MNIST_RESIZE_FILL,
};

/* Read a file, or as much of it as a picture may have; NULL if that fails. */
static uint8_t* read_file(const char* path, size_t* count) {
    FILE* file = fopen(path, "rb");
    uint8_t* bytes = NULL;
    size_t room = 0, got = 1;
    *count = 0;
    while (file && got && *count < LARGEST_FILE) {
        if (*count == room) {
            uint8_t* larger = realloc(bytes, room = 2 * room + 65536);
            if (!larger) break;
            bytes = larger;
        }
        *count += got = fread(bytes + *count, 1, room - *count, file);
    }
    if (file && (ferror(file) || got) && *count < LARGEST_FILE) {
        free(bytes);
        bytes = NULL;
    }
    if (file) fclose(file);
    return bytes;
}

/* Prepare a picture for the network. Return NULL, or what is wrong with it. */
static const char* read_picture(const char* path, uint8_t* pixels) {
    size_t count;
    uint8_t* bytes = read_file(path, &count);
    cnnkit_picture picture;
    uint8_t* memory;
    if (!bytes) return "cannot be read";
    const char* problem = cnnkit_read_photo(bytes, count, &picture, &memory);
    if (!problem) {
        const size_t needed = cnnkit_fit_bytes(&FITTING, &picture);
        void* work = malloc(needed);
        problem = needed && !work ? "takes more memory than there is"
                                  : cnnkit_fit(&FITTING, &picture, work, pixels);
        free(work);
    }
    free(memory);
    free(bytes);
    return problem;
}

int main(int count, char** words) {
    int wrong = cnnkit_mnist_self_test();
    if (wrong) {
        fprintf(stderr, "the self-test failed: %d golden pictures come out wrong\n", wrong);
        return 1;
    }
    if (count < 2) {
        fprintf(stderr, "usage: classify PICTURE...\n");
        return 2;
    }
    for (int i = 1; i < count; ++i) {
        uint8_t pixels[CNNKIT_MNIST_PIXELS];
        float probabilities[CLASSES];
        const char* problem = read_picture(words[i], pixels);
        if (problem) {
            fprintf(stderr, "%s: %s\n", words[i], problem);
            return 2;
        }
        printf("%s: %s  (", words[i],
               cnnkit_mnist_names[cnnkit_mnist_predict(pixels, probabilities)]);
        for (int k = 0; k < CLASSES; ++k)
            printf("%s%s: %.3f", k ? ", " : "", cnnkit_mnist_names[k], (double)probabilities[k]);
        printf(")\n");
    }
    return 0;
}
