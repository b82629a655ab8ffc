// Classify PGM, PPM and PAM pictures: ./classify mnist.pt one.pgm another.ppm
#include <ATen/Parallel.h>
#include <torch/script.h>

#include <iostream>

#include "host.hpp"

class Model {
  public:
    explicit Model(const std::string& path)
        : module_(load(path, texts_)), about(metadata(texts_.at("metadata.json"))) {
        const auto answers = answer(about.images);
        const auto* logits = answers[0].const_data_ptr<float>();
        const auto* labels = answers[2].const_data_ptr<std::int64_t>();
        const std::string failure = about.check({logits, logits + answers[0].numel()},
                                                {labels, labels + answers[2].numel()});
        if (!failure.empty()) throw std::domain_error(failure);
    }

    // Maps raw pixels [N * C * H * W] to logits and probabilities, float [N, K], and labels, int64
    // [N].
    std::array<at::Tensor, 3> answer(host::Pixels pixels) {
        const c10::InferenceMode no_gradients;
        const auto size = static_cast<std::int64_t>(pixels.size());
        const auto image = torch::from_blob(pixels.data(), {size}, torch::kUInt8)
                               .reshape({-1, about.channels, about.height, about.width});
        const auto outputs = module_.forward({image}).toTupleRef().elements();
        return {outputs[0].toTensor(), outputs[1].toTensor(), outputs[2].toTensor()};
    }

  private:
    using Texts = torch::jit::ExtraFilesMap;

    static torch::jit::Module load(const std::string& path, Texts& texts) {
        texts["metadata.json"];  // load() fills the entries that exist
        return torch::jit::load(path, torch::kCPU, texts);
    }

    // Parses a JSON object whose values are JSON texts.
    static nlohmann::json metadata(const std::string& document) {
        nlohmann::json values = nlohmann::json::parse(document);
        for (auto& value : values) value = nlohmann::json::parse(value.get<std::string>());
        return values;
    }

    Texts texts_;
    torch::jit::Module module_;

  public:
    host::About about;
};

int main(int count, char** words) {
    if (count < 3) {
        std::cerr << "usage: classify MODEL PICTURE...\n";
        return 2;
    }
    at::set_num_threads(1);  // faster for a network this small
    const char* subject = words[1];
    try {
        Model model(words[1]);
        for (int i = 2; i < count; ++i) {
            subject = words[i];
            const auto pixels = host::read_picture(subject, model.about.fitting);
            const auto answers = model.answer(pixels);
            host::print_answer(subject, model.about, answers[1].const_data_ptr<float>());
        }
    } catch (const std::domain_error& error) {
        std::cerr << subject << ": " << error.what() << "\n";
        return 1;
    } catch (const c10::Error& error) {
        std::cerr << subject << ": " << error.what_without_backtrace() << "\n";
        return 2;
    } catch (const std::exception& error) {
        std::cerr << subject << ": " << error.what() << "\n";
        return 2;
    }
}
