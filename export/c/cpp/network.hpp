// The network of mnist.c as a class. Needs C++17.
#pragma once

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "mnist.h"

namespace mnist {

inline constexpr int kHeight = CNNKIT_MNIST_HEIGHT, kWidth = CNNKIT_MNIST_WIDTH;
inline constexpr int kClasses = CNNKIT_MNIST_CLASSES;

using Pixels = std::array<std::uint8_t, CNNKIT_MNIST_PIXELS>;  // raw, row by row

struct Answer {
    int label;
    std::array<float, kClasses> probabilities;

    std::string_view name() const { return cnnkit_mnist_names[label]; }
};

// Runs the self-test of mnist.c when it is constructed; thread-safe.
class Network {
  public:
    Network() {
        if (const int wrong = cnnkit_mnist_self_test())
            throw std::domain_error("the self-test failed: " + std::to_string(wrong) +
                                    " golden pictures come out wrong");
    }

    Answer operator()(const Pixels& pixels) const noexcept {
        Answer answer;
        answer.label = cnnkit_mnist_predict(pixels.data(), answer.probabilities.data());
        return answer;
    }
};

}  // namespace mnist
