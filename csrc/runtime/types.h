// What goes into networks and comes out of them, for every engine.
#pragma once

#include <cstdint>

namespace cnnkit {

// Where the outputs of N images go; a null pointer leaves one out.
struct NetOutputs {
    float* logits;             // [N, classes]
    float* probabilities;      // [N, classes]
    float* log_probabilities;  // [N, classes]
    int64_t* label;            // [N], the first of equal maxima
};

// Adam with PyTorch's formula; `weight_decay` is decoupled (AdamW), 0 gives plain Adam.
struct NetAdam {
    double learning_rate = 1e-3;
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
    double weight_decay = 0.0;
};

// Another loss than the mean negative log-likelihood: PyTorch's CrossEntropyLoss with class weights
// and label smoothing. An image's is minus the sum of target times log-probability; a batch's is
// the sum of its images' divided by the sum of their labels' weights.
struct NetLoss {
    const float* targets;  // [classes][classes], a row per label
    const float* sums;     // [classes], of each row
    const float* weights;  // [classes]
};

// Training images: uint8 [M, channels, height, width] raw pixels and uint8 [M] labels below
// classes, visited in `order`.
struct NetBatches {
    const uint8_t* images;
    const uint8_t* labels;
    const int64_t*
        order;  // [count] indices into images; the caller has checked that they are in range
    int64_t count;
    int64_t batch_size;  // the last batch may be smaller; its loss is the mean over what it has
    const NetLoss* loss = nullptr;  // null: the mean negative log-likelihood
    int threads = 1;                // that may be used; no bit of a result depends on them
};

enum NetStatus : int32_t { kNetDone = 0, kNetStopped = 1, kNetNotFinite = 2 };

// Shared with other threads while an epoch runs: they read the counters and may set `stop`.
struct NetProgress {
    int64_t steps;    // batches finished
    int64_t correct;  // images among them that were classified right, before their own step
    int32_t stop;     // set to non-zero: the epoch ends after the batch under way
};

}  // namespace cnnkit
