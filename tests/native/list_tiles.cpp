// Which tiles and windows the network engine of one instruction set computes, seen from outside: a
// blank one gets its output from the bias or from `blank2` whatever the weights, so that NaN in one
// of them shows what was computed.
//
//     g++ -std=c++17 -I csrc -DENGINE='"FILE"' -mavx2 -mfma ... list_tiles.cpp; list_tiles < IMAGES
//
// FILE is the engine's source for that instruction set; IMAGES are 28 x 28 bytes each. Prints a
// line for each image: tiles in inference, tiles in training, windows; 1 if computed, 0 if blank.
#include ENGINE

#include <cmath>
#include <cstdio>
#include <cstring>

namespace {

using namespace cnnkit;

// Training's last argument of block1: where it leaves the max-pool indices.
template <class Indices>
Indices indices_of(void (*)(const Weights&, const uint8_t*, Activations&, Indices*));

Weights weights;
Activations activations;
decltype(indices_of(block1<true, uint8_t>)) indices;

void fill(float* values, size_t bytes, float value) {
    for (size_t i = 0; i < bytes / sizeof(float); ++i) values[i] = value;
}

template <bool training>
void list_tiles(const uint8_t* image) {
    fill(weights.conv1[0], sizeof weights.conv1, NAN);
    block1<training>(weights, image, activations, training ? &indices : nullptr);
    for (int y = 1; y < 15; ++y)
        for (int x = 1; x < 15; ++x)
            std::putchar(std::isnan(activations.pooled1[y][x][0]) ? '1' : '0');
}

void list_windows(const uint8_t* image) {
    fill(weights.conv1[0], sizeof weights.conv1, 0);
    fill(weights.blank2[0], sizeof weights.blank2, NAN);
    block1<false>(weights, image, activations, nullptr);
    block2(weights, activations, nullptr);
    for (int y = 0; y < 7; ++y)
        for (int x = 0; x < 7; ++x) {
            const int place = place_of(y, x);
            std::putchar(std::isnan(activations.pooled2[place / 4 * 16 + place % 4]) ? '0' : '1');
        }
}

}  // namespace

int main() {
    uint8_t image[28 * 28];
    clear_border(activations);
    while (std::fread(image, 1, sizeof image, stdin) == sizeof image) {
        list_tiles<false>(image);
        std::putchar(' ');
        list_tiles<true>(image);
        std::putchar(' ');
        list_windows(image);
        std::putchar('\n');
    }
}
