// Inference over N images: the same for every vector instruction set. Needs the kernels and
// common.inl.h.

// From here on the transforms may overflow where the convolution itself would not, and NaN would
// not spread as it does in PyTorch: such images and weights go to the reference. A whole image at
// once, so the fallback of runtime/packed_conv.h, which knows convolutions, is not of use here.
constexpr float kLimit = 1 << 20;

struct alignas(64) Packed {
    Weights weights;
    float parameters[kMnistParameters];
    bool ordinary;
};

inline bool is_ordinary(const float* image) {
    Magnitude most[7];  // several, so that one maximum need not wait for the one before
    for (int k = 0; k < 7; ++k) most[k] = no_magnitude();
    for (int i = 0; i < kMnistPixels; i += 7 * kLanes)
        for (int k = 0; k < 7; ++k) most[k] = magnitude(most[k], load(image + i + k * kLanes));
    for (int k = 1; k < 7; ++k) most[0] = magnitude(most[0], (Vec)most[k]);
    return below(most[0], kLimit);
}

inline bool is_ordinary(const uint8_t*) { return true; }

inline NetOutputs from_image(const NetOutputs& out, int64_t i) {
    int64_t at = i * kMnistClasses;
    return {out.logits ? out.logits + at : nullptr,
            out.probabilities ? out.probabilities + at : nullptr,
            out.log_probabilities ? out.log_probabilities + at : nullptr,
            out.label ? out.label + i : nullptr};
}

inline void store_prediction(const Prediction& prediction, const NetOutputs& out, int64_t i) {
    if (out.logits) store_classes(out.logits + i * kMnistClasses, prediction.logits);
    if (out.probabilities)
        store_classes(out.probabilities + i * kMnistClasses, prediction.probabilities);
    if (out.log_probabilities)
        store_classes(out.log_probabilities + i * kMnistClasses, prediction.log_probabilities);
    if (out.label) out.label[i] = prediction.label;
}

inline void infer_reference(const Packed& p, const uint8_t* image, const NetOutputs& out,
                            void* workspace) {
    kMnistScalar.infer_u8(p.parameters, image, 1, out, workspace);
}

inline void infer_reference(const Packed& p, const float* image, const NetOutputs& out,
                            void* workspace) {
    kMnistScalar.infer_f32(p.parameters, image, 1, out, workspace);
}

template <class Pixel>
inline void infer(const void* weights, const Pixel* images, int64_t n, const NetOutputs& out,
                  void* workspace) {
    const Packed& p = *static_cast<const Packed*>(weights);
    Activations& a = *static_cast<Activations*>(workspace);
    char* beside = static_cast<char*>(workspace) + sizeof(Activations);
    clear_border(a);
    for (int64_t i = 0; i < n; ++i) {
        const Pixel* image = images + i * kMnistPixels;
        if (!p.ordinary || !is_ordinary(image)) {
            infer_reference(p, image, from_image(out, i), beside);
            continue;
        }
        block1<false>(p.weights, image, a, nullptr);
        block2(p.weights, a, nullptr);
        store_prediction(softmax(linear(p.weights, a.pooled2)), out, i);
    }
}

size_t weights_bytes() { return sizeof(Packed); }
size_t workspace_bytes() { return sizeof(Activations) + kMnistScalar.workspace_bytes(); }

void pack(const float* parameters, void* weights) {
    Packed& packed = *static_cast<Packed*>(weights);
    Parameters p;
    to_layout(parameters, p);
    make_weights(p, packed.weights);
    __builtin_memcpy(packed.parameters, parameters, sizeof packed.parameters);
    packed.ordinary = true;
    for (int i = 0; i < kMnistParameters; ++i)
        if (!(__builtin_fabsf(parameters[i]) < kLimit)) packed.ordinary = false;
}

void infer_u8(const void* weights, const uint8_t* images, int64_t n, const NetOutputs& out,
              void* workspace) {
    infer(weights, images, n, out, workspace);
}

void infer_f32(const void* weights, const float* images, int64_t n, const NetOutputs& out,
               void* workspace) {
    infer(weights, images, n, out, workspace);
}
