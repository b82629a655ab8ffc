/* Classify pictures of the network's size: ./classify digit.pgm another.pgm */
#include <ctype.h>
#include <stdio.h>

#include "mnist.h"

enum { HEIGHT = CNNKIT_MNIST_HEIGHT, WIDTH = CNNKIT_MNIST_WIDTH, CLASSES = CNNKIT_MNIST_CLASSES };

/* Read a number of a PGM header after white space and comments; -1 if there is none. */
static int read_number(FILE* file) {
    int letter = getc(file), number = -1;
    while (isspace(letter) || letter == '#') {
        if (letter == '#')
            while (letter != '\n' && letter != EOF) letter = getc(file);
        letter = getc(file);
    }
    for (; isdigit(letter) && number < 10000; letter = getc(file))
        number = (number < 0 ? 0 : 10 * number) + (letter - '0');
    return number;
}

/* Read a binary PGM file (P5), for MNIST a white digit on black. Return NULL or what is wrong. */
static const char* read_pgm(const char* path, uint8_t* pixels) {
    const char* problem = NULL;
    FILE* file = fopen(path, "rb");
    if (!file) return "cannot be read";
    if (getc(file) != 'P' || getc(file) != '5')
        problem = "is no binary PGM file";
    else if (read_number(file) != WIDTH || read_number(file) != HEIGHT || read_number(file) != 255)
        problem = "has another size, or other than 8 bits";
    else if (fread(pixels, 1, CNNKIT_MNIST_PIXELS, file) != CNNKIT_MNIST_PIXELS)
        problem = "is cut off";
    fclose(file);
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
        const char* problem = read_pgm(words[i], pixels);
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
