// Classify pictures of the network's size: ./classify mnist.onnx digit.png another.png
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
        const cv::Mat images(count * about.height, about.width, CV_8U, about.images.data());
        const auto [logits, probabilities] = answer(images);
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

    // Takes pictures stacked vertically: CV_8U, N * H rows of W raw pixels; the model scales them.
    Answers answer(const cv::Mat& pictures) {
        const int shape[] = {pictures.rows / about.height, 1, about.height, about.width};
        net_.setInput(pictures.reshape(1, 4, shape), "image");
        std::vector<cv::Mat> outputs;
        net_.forward(outputs, std::vector<cv::String>{"logits", "probabilities"});
        return {outputs[0], outputs[1]};
    }

    host::About about;

  private:
    cv::dnn::Net net_;
};

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
            const cv::Mat picture = cv::imread(subject, cv::IMREAD_GRAYSCALE);
            if (picture.rows != model.about.height || picture.cols != model.about.width)
                throw std::runtime_error("is no picture of " + std::to_string(model.about.width) +
                                         "x" + std::to_string(model.about.height) + " pixels");
            const auto answers = model.answer(picture);
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
