// Classify PGM, PPM and PAM pictures: ./classify one.pgm another.ppm
#include <algorithm>
#include <cstdio>
#include <iostream>

#include "network.hpp"
#include "picture.hpp"

#ifndef CNNKIT_MNIST_RESIZE_MODE  // pictures must have the network's size
#define CNNKIT_MNIST_RESIZE_MODE CNNKIT_FIT_NONE
#define CNNKIT_MNIST_RESIZE_FILTER CNNKIT_FILTER_NEAREST
#define CNNKIT_MNIST_RESIZE_FILL 0
#endif

mnist::Pixels read_picture(const char* path) {
    const cnnkit_fitting fitting = {CNNKIT_MNIST_CHANNELS,
                                    mnist::kHeight,
                                    mnist::kWidth,
                                    CNNKIT_MNIST_RESIZE_MODE,
                                    CNNKIT_MNIST_RESIZE_FILTER,
                                    CNNKIT_MNIST_RESIZE_FILL,
                                    0};
    const auto prepared = host::read_picture(path, fitting);
    mnist::Pixels pixels;
    std::copy(prepared.begin(), prepared.end(), pixels.begin());
    return pixels;
}

int main(int count, char** words) {
    const char* subject = "mnist.c";
    try {
        const mnist::Network network;
        if (count < 2) throw std::runtime_error("usage: classify PICTURE...");
        for (int i = 1; i < count; ++i) {
            subject = words[i];
            const auto answer = network(read_picture(subject));
            std::cout << subject << ": " << answer.name() << "  (";
            for (int k = 0; k < mnist::kClasses; ++k)
                std::printf("%s%s: %.3f", k ? ", " : "", cnnkit_mnist_names[k],
                            static_cast<double>(answer.probabilities[static_cast<std::size_t>(k)]));
            std::printf(")\n");
        }
    } catch (const std::domain_error& error) {
        std::cerr << subject << ": " << error.what() << "\n";
        return 1;
    } catch (const std::exception& error) {
        std::cerr << subject << ": " << error.what() << "\n";
        return 2;
    }
}
