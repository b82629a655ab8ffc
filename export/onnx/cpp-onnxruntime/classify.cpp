// Classify PGM, PPM and PAM pictures: ORT_LIBRARY=libonnxruntime.so ./classify mnist.onnx one.pgm
// another.ppm
#include <dlfcn.h>

#define ORT_API_MANUAL_INIT  // the library is opened with dlopen
#include <onnxruntime_cxx_api.h>

#include <array>
#include <cstdlib>
#include <iostream>

#include "host.hpp"

// Opens any ONNX Runtime whose API is at least as new as the headers. Unlike linking, dlopen does
// not require the versioned symbol of one release.
static void open_runtime() {
    const char* given = std::getenv("ORT_LIBRARY");
    void* library = dlopen(given ? given : "libonnxruntime.so", RTLD_NOW);
    if (!library) throw std::runtime_error(dlerror());
    const auto base = reinterpret_cast<const OrtApiBase* (*)()>(dlsym(library, "OrtGetApiBase"));
    const OrtApi* api = base ? base()->GetApi(ORT_API_VERSION) : nullptr;
    if (!api) throw std::runtime_error("ONNX Runtime is older than the headers");
    Ort::InitApi(api);
}

class Model {
  public:
    explicit Model(const char* path)
        : session_(environment_, path, options()), about(metadata(session_)) {
        const auto [logits, probabilities, labels] = answer(about.images);
        const std::string failure = about.check(logits, labels);
        if (!failure.empty()) throw std::domain_error(failure);
    }

    struct Answers {
        std::vector<float> logits, probabilities;  // [N, K]
        std::vector<std::int64_t> labels;          // [N]
    };

    // Takes raw pixels [N * C * H * W]; the model scales them.
    Answers answer(const host::Pixels& pixels) {
        const auto classes = about.names.size();
        const std::size_t count =
            pixels.size() / static_cast<std::size_t>(about.channels * about.height * about.width);
        const std::array<std::int64_t, 4> shape = {static_cast<std::int64_t>(count), about.channels,
                                                   about.height, about.width};
        const auto memory = Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault);
        const auto image = Ort::Value::CreateTensor<std::uint8_t>(
            memory, const_cast<std::uint8_t*>(pixels.data()), pixels.size(), shape.data(), 4);
        const std::array<const char*, 1> inputs = {"image"};
        const std::array<const char*, 3> outputs = {"logits", "probabilities", "label"};
        auto values = session_.Run(Ort::RunOptions(), inputs.data(), &image, 1, outputs.data(), 3);
        const auto* logits = values[0].GetTensorData<float>();
        const auto* probabilities = values[1].GetTensorData<float>();
        const auto* labels = values[2].GetTensorData<std::int64_t>();
        return {{logits, logits + count * classes},
                {probabilities, probabilities + count * classes},
                {labels, labels + count}};
    }

  private:
    static Ort::SessionOptions options() {
        Ort::SessionOptions options;
        options.SetIntraOpNumThreads(1);  // faster for a network this small
        options.SetInterOpNumThreads(1);
        options.AddConfigEntry("session.intra_op.allow_spinning", "0");
        return options;
    }

    static nlohmann::json metadata(const Ort::Session& session) {
        const Ort::AllocatorWithDefaultOptions memory;
        const auto about = session.GetModelMetadata();
        nlohmann::json values;
        for (const auto& key : about.GetCustomMetadataMapKeysAllocated(memory))
            values[key.get()] = nlohmann::json::parse(
                about.LookupCustomMetadataMapAllocated(key.get(), memory).get());
        return values;
    }

    Ort::Env environment_{ORT_LOGGING_LEVEL_ERROR};
    Ort::Session session_;

  public:
    host::About about;
};

int main(int count, char** words) {
    if (count < 3) {
        std::cerr << "usage: classify MODEL PICTURE...\n";
        return 2;
    }
    const char* subject = words[1];
    try {
        open_runtime();
        Model model(words[1]);
        for (int i = 2; i < count; ++i) {
            subject = words[i];
            const auto pixels = host::read_picture(subject, model.about.fitting);
            host::print_answer(subject, model.about, model.answer(pixels).probabilities.data());
        }
    } catch (const std::domain_error& error) {
        std::cerr << subject << ": " << error.what() << "\n";
        return 1;
    } catch (const std::exception& error) {
        std::cerr << subject << ": " << error.what() << "\n";
        return 2;
    }
}
