// Shared by the C++ host apps: a picture file becomes pixels as the network takes them.
// Needs fitting.c, netpbm.c and photo.c.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "fitting.h"
#include "photo.h"

namespace host {

// Reads a file, or as much of it as a picture may have.
inline std::vector<std::uint8_t> read_file(const std::string& path) {
    constexpr std::size_t most = 4ull * CNNKIT_LARGEST_PICTURE + 4096, step = 1 << 16;
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot be read");
    std::vector<std::uint8_t> bytes;
    std::size_t count = 0;
    while (file && count < most) {
        bytes.resize(count + step);
        file.read(reinterpret_cast<char*>(bytes.data() + count), step);
        count += static_cast<std::size_t>(file.gcount());
    }
    if (file.bad()) throw std::runtime_error("cannot be read");
    bytes.resize(count);
    return bytes;
}

// Returns a picture's pixels, prepared for a network; throws what is wrong.
inline std::vector<std::uint8_t> fit(const cnnkit_picture& picture, const cnnkit_fitting& fitting) {
    std::vector<double> work(cnnkit_fit_bytes(&fitting, &picture) / sizeof(double) + 1);
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(fitting.channels) *
                                     static_cast<std::size_t>(fitting.height) *
                                     static_cast<std::size_t>(fitting.width));
    if (const char* problem = cnnkit_fit(&fitting, &picture, work.data(), pixels.data()))
        throw std::runtime_error(problem);
    return pixels;
}

// The same for a file: PGM, PPM, PAM, and JPEG and PNG if photo.c was compiled with them.
inline std::vector<std::uint8_t> read_picture(const std::string& path,
                                              const cnnkit_fitting& fitting) {
    const auto bytes = read_file(path);
    cnnkit_picture picture;
    std::uint8_t* memory = nullptr;
    const char* problem = cnnkit_read_photo(bytes.data(), bytes.size(), &picture, &memory);
    const std::unique_ptr<std::uint8_t, decltype(&std::free)> kept(memory, &std::free);
    if (problem) throw std::runtime_error(problem);
    return fit(picture, fitting);
}

}  // namespace host
