// Classify pictures of the network's size: ./classify digit.pgm another.pgm
#include <cstdio>
#include <fstream>
#include <iostream>
#include <limits>

#include "network.hpp"

// Reads a number of a PGM header after white space and comments.
int read_number(std::istream& file) {
    while ((file >> std::ws).peek() == '#')
        file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    int number = -1;
    file >> number;
    return number;
}

// Reads a binary PGM file (P5), for MNIST a white digit on black.
mnist::Pixels read_pgm(const char* path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot be read");
    if (file.get() != 'P' || file.get() != '5') throw std::runtime_error("is no binary PGM file");
    if (read_number(file) != mnist::kWidth || read_number(file) != mnist::kHeight ||
        read_number(file) != 255)
        throw std::runtime_error("has another size, or other than 8 bits");
    file.get();
    mnist::Pixels pixels;
    if (!file.read(reinterpret_cast<char*>(pixels.data()), pixels.size()))
        throw std::runtime_error("is cut off");
    return pixels;
}

int main(int count, char** words) {
    const char* subject = "mnist.c";
    try {
        const mnist::Network network;
        if (count < 2) throw std::runtime_error("usage: classify PICTURE...");
        for (int i = 1; i < count; ++i) {
            subject = words[i];
            const auto answer = network(read_pgm(subject));
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
