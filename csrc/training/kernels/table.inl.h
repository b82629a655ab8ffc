// The kernels of one instruction set.

constexpr TrainingKernels kTraining = {kLanes,
                                       training::multiply,
                                       training::transpose_all,
                                       training::max_pool,
                                       training::max_pool_backward,
                                       training::maxima_weights,
                                       training::maxima_input,
                                       training::add_pixels,
                                       training::add_squares,
                                       training::add_products,
                                       training::normalise,
                                       training::normalise_backward,
                                       training::relu,
                                       training::relu_backward,
                                       training::without_index,
                                       training::drop};
