// Shared by the C++ host apps: an artefact's metadata, and the self-test on its golden images.
// Needs nlohmann/json (one header).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "picture.hpp"

namespace host {

using Pixels = std::vector<std::uint8_t>;

// Returns how a picture becomes what the network takes, as an artefact's metadata say: if they do
// not speak of it, it must have the network's size.
inline cnnkit_fitting fitting_of(const nlohmann::json& about) {
    static const std::vector<std::string> modes = {"none", "stretch", "pad", "crop"};
    static const std::vector<std::string> filters = {"nearest", "box", "bilinear", "bicubic",
                                                     "lanczos"};
    const auto number = [](const std::vector<std::string>& texts, const nlohmann::json& text) {
        const auto found = std::find(texts.begin(), texts.end(), text.get<std::string>());
        return found == texts.end() ? -1 : static_cast<int>(found - texts.begin());
    };
    cnnkit_fitting fitting = {about.at("channels"),
                              about.at("imgsz").at(0),
                              about.at("imgsz").at(1),
                              CNNKIT_FIT_NONE,
                              CNNKIT_FILTER_NEAREST,
                              0,
                              0};
    const auto record = about.find("cnnkit.preprocessing");
    if (record == about.end() || !record->contains("size")) return fitting;
    const auto& resize = record->at("resize");
    fitting.mode = number(modes, resize.at("mode"));
    if (fitting.mode != CNNKIT_FIT_NONE) fitting.filter = number(filters, resize.at("filter"));
    if (fitting.filter != CNNKIT_FILTER_NEAREST && !resize.at("antialias")) fitting.filter = -1;
    fitting.fill = resize.at("fill");
    if (record->at("layout") != "NCHW") fitting.mode = -1;  // this program feeds no other
    return fitting;
}

inline Pixels decode_base64(const std::string& text) {
    static const std::string digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    Pixels bytes;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char letter : text) {
        const auto value = digits.find(letter);
        if (value == std::string::npos) break;  // the padding
        bits = bits << 6 | static_cast<std::uint32_t>(value);
        count += 6;
        if (count >= 8) bytes.push_back(static_cast<std::uint8_t>(bits >> (count -= 8)));
    }
    return bytes;
}

// An artefact's metadata: class names, input size, and golden images with the expected outputs.
struct About {
    explicit About(const nlohmann::json& values)
        : names(values.at("names")),
          height(values.at("imgsz").at(0)),
          width(values.at("imgsz").at(1)),
          channels(values.at("channels")),
          fitting(fitting_of(values)),
          images(decode_base64(values.at("cnnkit.golden.images"))),
          labels(values.at("cnnkit.golden.labels")),
          logits(values.at("cnnkit.golden.logits")),
          tolerance(values.at("cnnkit.golden.tolerance")) {}

    // Compares outputs for `images`, logits [16, K] and labels [16]; returns an error message, or
    // "" if they are right.
    std::string check(const std::vector<float>& found,
                      const std::vector<std::int64_t>& answers) const {
        int wrong = 0;
        float error = 0;
        for (std::size_t i = 0; i < labels.size(); ++i) {
            wrong += answers.at(i) != labels[i];
            for (std::size_t k = 0; k < names.size(); ++k) {
                const float off = std::fabs(found.at(i * names.size() + k) - logits[i][k]);
                error = off <= error ? error : off;  // NaN becomes the error
            }
        }
        if (!wrong && error <= tolerance) return "";
        return "the self-test failed: " + std::to_string(wrong) + " of " +
               std::to_string(labels.size()) +
               " golden labels differ, the largest logit error is " + std::to_string(error);
    }

    std::vector<std::string> names;
    int height, width, channels;
    cnnkit_fitting fitting;
    Pixels images;
    std::vector<std::int64_t> labels;
    std::vector<std::vector<float>> logits;
    float tolerance;
};

// Prints a line for a picture: its file, its class, and the probability of every class.
inline void print_answer(const std::string& path, const About& about, const float* probabilities) {
    const auto classes = static_cast<long>(about.names.size());
    const auto best = std::max_element(probabilities, probabilities + classes) - probabilities;
    std::printf("%s: %s  (", path.c_str(), about.names[static_cast<std::size_t>(best)].c_str());
    for (long k = 0; k < classes; ++k)
        std::printf("%s%s: %.3f", k ? ", " : "", about.names[static_cast<std::size_t>(k)].c_str(),
                    static_cast<double>(probabilities[k]));
    std::printf(")\n");
}

}  // namespace host
