// Classify pictures: ./classify mnist.onnx one.png another.jpg
#include <iostream>
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

// Reads a picture of a format that OpenCV knows, and prepares it as the network takes it.
static host::Pixels read_picture(const char* path, const cnnkit_fitting& fitting) {
    cv::Mat picture = cv::imread(path, cv::IMREAD_UNCHANGED);
    if (picture.channels() != 4)  // without transparency: turned as the camera noted
        picture =
            cv::imread(path, picture.channels() == 1 ? cv::IMREAD_GRAYSCALE : cv::IMREAD_COLOR);
    if (picture.empty() || picture.depth() != CV_8U)
        throw std::runtime_error("is no 8-bit picture");
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
