#include "parallel.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace cnnkit {
namespace {

class Pool {
  public:
    void run(int threads, long count, void (*work)(void*, long), void* context) {
        {
            std::lock_guard<std::mutex> lock(mutex_);
            start(threads - 1);
            work_ = work, context_ = context, count_ = count, next_ = 0;
            helpers_ = busy_ = std::min(threads - 1, started_);
            ++round_;
        }
        wake_.notify_all();
        take();
        std::unique_lock<std::mutex> lock(mutex_);
        done_.wait(lock, [&] { return busy_ == 0; });
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    }

  private:
    void start(int helpers) {
        try {
            for (; started_ < helpers; ++started_) {
                std::thread(&Pool::serve, this, started_).detach();
            }
        } catch (const std::system_error&) {
            // The system gives no more threads: those that there are do the work.
        }
    }

    // The first failure ends the round and is thrown to the caller once nobody uses its work any
    // more.
    void take() {
        try {
            for (long i; (i = next_.fetch_add(1)) < count_;) work_(context_, i);
        } catch (...) {
            next_ = count_;
            std::lock_guard<std::mutex> lock(mutex_);
            if (!failure_) failure_ = std::current_exception();
        }
    }

    void serve(int index) {
        long seen = 0;
        std::unique_lock<std::mutex> lock(mutex_);
        for (;;) {
            wake_.wait(lock, [&] { return round_ != seen; });
            seen = round_;
            if (index >= helpers_) continue;
            lock.unlock();
            take();
            lock.lock();
            if (--busy_ == 0) done_.notify_one();
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_, done_;
    int started_ = 0, helpers_ = 0, busy_ = 0;
    long round_ = 0, count_ = 0;
    std::atomic<long> next_{0};
    void (*work_)(void*, long) = nullptr;
    void* context_ = nullptr;
    std::exception_ptr failure_;
};

std::mutex pool_mutex;

// Threads do not survive a fork, so a child process gets a pool of its own. A pool is never
// destroyed: its threads wait on it until the process ends.
Pool& pool() {
    static Pool* current = nullptr;
    static pid_t owner = 0;
    if (!current || owner != getpid()) current = new Pool, owner = getpid();
    return *current;
}

}  // namespace

void parallel_for(int threads, long count, void (*work)(void*, long), void* context) {
    if (threads > 1 && count > 1) {
        std::unique_lock<std::mutex> lock(pool_mutex, std::try_to_lock);
        if (lock.owns_lock()) {
            pool().run(static_cast<int>(threads < count ? threads : count), count, work, context);
            return;
        }
    }
    for (long i = 0; i < count; ++i) work(context, i);
}

}  // namespace cnnkit
