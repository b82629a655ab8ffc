// An epoch of batches, and the way in and out of the training state: the same for every instruction
// set. Needs State, batch_gradient and update of the file included before it.

size_t state_bytes() { return sizeof(State); }

void import_state(void* state, const float* parameters, const float* mean, const float* square,
                  int64_t steps) {
    State& s = *static_cast<State*>(state);
    __builtin_memset(&s, 0, sizeof s);
    to_layout(parameters, s.parameters);
    to_layout(mean, s.mean);
    to_layout(square, s.square);
    s.steps = steps;
}

void export_state(const void* state, float* parameters, float* mean, float* square,
                  int64_t* steps) {
    const State& s = *static_cast<const State*>(state);
    from_layout(s.parameters, parameters);
    from_layout(s.mean, mean);
    from_layout(s.square, square);
    *steps = s.steps;
}

NetStatus train(void* state, const NetBatches& data, const NetAdam& adam, float* losses,
                NetProgress* progress) {
    State& s = *static_cast<State*>(state);
    int64_t correct = 0, steps = 0;
    for (int64_t first = 0; first < data.count; first += data.batch_size) {
        if (__atomic_load_n(&progress->stop, __ATOMIC_RELAXED)) return kNetStopped;
        int64_t left = data.count - first, n = left < data.batch_size ? left : data.batch_size;
        float loss = batch_gradient(s, data, first, n, &correct);
        losses[steps] = loss;
        if (!(__builtin_fabsf(loss) <= __FLT_MAX__)) return kNetNotFinite;
        update(s, adam);
        __atomic_store_n(&progress->correct, correct, __ATOMIC_RELAXED);
        __atomic_store_n(&progress->steps, ++steps, __ATOMIC_RELEASE);
    }
    return kNetDone;
}

float gradients(void* state, const NetBatches& data, float* gradients, int64_t* correct) {
    State& s = *static_cast<State*>(state);
    *correct = 0;
    float loss = batch_gradient(s, data, 0, data.count, correct);
    from_layout(s.gradient, gradients);
    return loss;
}
