// The metadata of an ONNX file, which OpenCV does not expose: metadata_props (field 14 of
// ModelProto), each value parsed as JSON.
#pragma once

#include <cstdint>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace onnx_file {

// Calls visit(field, content) for every length-delimited field.
inline void walk(std::string_view bytes,
                 const std::function<void(std::uint64_t, std::string_view)>& visit) {
    std::size_t at = 0;
    const auto skip = [&](std::uint64_t length) {
        if (length > bytes.size() - at) throw std::runtime_error("is a damaged ONNX file");
        at += length;
    };
    const auto varint = [&] {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const std::size_t here = at;
            skip(1);
            const auto byte = static_cast<std::uint8_t>(bytes[here]);
            value |= std::uint64_t{byte & 127u} << shift;
            if (byte < 128) return value;
        }
        throw std::runtime_error("is a damaged ONNX file");
    };
    while (at < bytes.size()) {
        const std::uint64_t key = varint();
        switch (key % 8) {
            case 0:
                varint();
                break;
            case 1:
                skip(8);
                break;
            case 5:
                skip(4);
                break;
            case 2: {
                const std::uint64_t length = varint();
                const std::size_t start = at;
                skip(length);
                visit(key / 8, bytes.substr(start, length));
                break;
            }
            default:
                throw std::runtime_error("is not an ONNX file");
        }
    }
}

inline nlohmann::json metadata(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) throw std::runtime_error("cannot be read");
    const std::string bytes((std::istreambuf_iterator<char>(file)), {});
    nlohmann::json values;
    walk(bytes, [&](std::uint64_t field, std::string_view pair) {
        if (field != 14) return;
        std::string texts[3];
        walk(pair, [&](std::uint64_t part, std::string_view text) {
            if (part == 1 || part == 2) texts[part] = text;
        });
        values[texts[1]] = nlohmann::json::parse(texts[2]);
    });
    return values;
}

}  // namespace onnx_file
