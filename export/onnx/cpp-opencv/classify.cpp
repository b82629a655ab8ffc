// Classify pictures: ./classify mnist.onnx one.png another.jpg
#include <fstream>
#include <iostream>
#include <iterator>
#include <opencv2/dnn.hpp>
#include <opencv2/imgcodecs.hpp>

#include "host.hpp"
#include "onnx_file.hpp"

class Model {
  public:
    explicit Model(const std::string& path)
        : about(onnx_file::metadata(path)), net_(cv::dnn::readNetFromONNX(path)) {
        const auto count = static_cast<int>(about.labels.size());
        const auto [logits, probabilities] = answer(about.images);
        std::vector<std::int64_t> labels;
        for (int i = 0; i < count; ++i) {
            const float* row = logits.ptr<float>(i);
            labels.push_back(std::max_element(row, row + logits.cols) - row);
        }
        const std::string failure =
            about.check({logits.begin<float>(), logits.end<float>()}, labels);
        if (!failure.empty()) throw std::domain_error(failure);
    }

    struct Answers {
        cv::Mat logits, probabilities;  // float [N, K]; the type of `label` depends on the version
    };

    // Takes raw pixels [N * C * H * W]; the model scales them.
    Answers answer(host::Pixels& pixels) {
        const int size = about.channels * about.height * about.width;
        const int count = static_cast<int>(pixels.size()) / size;
        const int shape[] = {count, about.channels, about.height, about.width};
        net_.setInput(cv::Mat(4, shape, CV_8U, pixels.data()), "image");
        std::vector<cv::Mat> outputs;
        net_.forward(outputs, std::vector<cv::String>{"logits", "probabilities"});
        return {outputs[0], outputs[1]};
    }

    host::About about;

  private:
    cv::dnn::Net net_;
};

// EXIF's orientation in the chunk eXIf of a PNG file, which OpenCV obeys in some versions; 0 if the
// file is another one.
static int png_orientation(const char* path) {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const auto number = [&](std::size_t at, int count, bool little = false) {
        std::size_t value = 0;
        for (int i = 0; i < count; ++i)
            value =
                value << 8 | static_cast<unsigned char>(bytes[at + (little ? count - 1 - i : i)]);
        return value;
    };
    if (bytes.size() < 8 || number(0, 4) != 0x89504e47) return 0;
    for (std::size_t at = 8, length = 0; at + 12 <= bytes.size(); at += 12 + length) {
        length = number(at, 4);
        const std::size_t exif = at + 8, end = exif + length;
        if (bytes.compare(at + 4, 4, "eXIf") != 0 || end + 4 > bytes.size() || length < 10)
            continue;
        const bool little = bytes[exif] == 'I';
        const std::size_t begin = number(exif + 4, 4, little);
        if (begin + 2 > length) return 1;
        std::size_t entries = number(exif + begin, 2, little);
        for (std::size_t entry = exif + begin + 2; entries-- && entry + 12 <= end; entry += 12)
            if (number(entry, 2, little) == 0x0112)
                return static_cast<int>(number(entry + 8, 2, little));
        return 1;
    }
    return 1;
}

static void turn(cv::Mat& picture, int orientation) {
    static constexpr int kNone = 2, kCodes[] = {kNone, kNone, 1, -1, 0, kNone, 1, -1, 0};
    if (orientation < 2 || orientation > 8) return;
    if (orientation >= 5) cv::transpose(picture, picture);
    if (kCodes[orientation] != kNone) cv::flip(picture, picture, kCodes[orientation]);
}

// Reads a picture of a format that OpenCV knows, and prepares it as the network takes it.
static host::Pixels read_picture(const char* path, const cnnkit_fitting& fitting) {
    cv::Mat picture = cv::imread(path, cv::IMREAD_UNCHANGED);
    const int orientation = png_orientation(path);
    if (picture.channels() != 4)  // without transparency: turned as the camera noted
        picture = cv::imread(
            path, (picture.channels() == 1 ? cv::IMREAD_GRAYSCALE : cv::IMREAD_COLOR) |
                      (orientation ? static_cast<int>(cv::IMREAD_IGNORE_ORIENTATION) : 0));
    turn(picture, orientation);
    if (picture.empty() || picture.depth() != CV_8U)
        throw std::runtime_error("is not an 8-bit picture");
    const int channels = picture.channels();
    for (auto* pixel = picture.data; channels >= 3 && pixel < picture.dataend; pixel += channels)
        std::swap(pixel[0], pixel[2]);  // OpenCV has blue first
    return host::fit({picture.data, channels, picture.rows, picture.cols}, fitting);
}

int main(int count, char** words) {
    if (count < 3) {
        std::cerr << "usage: classify MODEL PICTURE...\n";
        return 2;
    }
    cv::setNumThreads(1);  // faster for a network this small
    const char* subject = words[1];
    try {
        Model model(words[1]);
        for (int i = 2; i < count; ++i) {
            subject = words[i];
            auto pixels = read_picture(subject, model.about.fitting);
            const auto answers = model.answer(pixels);
            host::print_answer(subject, model.about, answers.probabilities.ptr<float>());
        }
    } catch (const std::domain_error& error) {
        std::cerr << subject << ": " << error.what() << "\n";
        return 1;
    } catch (const std::exception& error) {
        std::cerr << subject << ": " << error.what() << "\n";
        return 2;
    }
}
