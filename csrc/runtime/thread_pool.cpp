#include "runtime/thread_pool.h"

#ifndef _WIN32
#include <pthread.h>
#endif

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace cnnkit {
namespace {

constexpr int kMostThreads = 256;
// Waking a sleeping thread takes as long as a small call does, so threads look for work for a while
// before they sleep.
constexpr std::chrono::microseconds kPatience{50};
// Two threads that wait for each other took 220 to 290 ns in all between near cores, and would take
// four times as long between those that see each other's lines so much later.
constexpr std::chrono::nanoseconds kNear{450};

inline void relax() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// Looks whether ready() holds until patience ends.
template <typename Ready>
bool look(Ready ready) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    do {
        for (int i = 0; i < 16; ++i) {
            if (ready()) return true;
            relax();
        }
    } while (std::chrono::steady_clock::now() < end);
    return ready();
}

class Pool {
  public:
    void run(int threads, ptrdiff_t count, void (*work)(void*, ptrdiff_t), void* context) {
        start(threads);
        if (count == threads && threads <= started_) return run_each(threads, work, context);
        threads_ = std::min(threads, started_);
        work_ = work, context_ = context;
        for (ptrdiff_t i = 0; i < threads_; ++i) {
            seats_[i].next = i * count / threads_, seats_[i].end = (i + 1) * count / threads_;
        }
        members_ = 0;
        for (int i = 1; i < threads_; ++i) call(seats_[i]);
        take(0);
        // A helper that has not come yet is not waited for: there is nothing left for it.
        const auto close = [this] {
            int nobody = 0;
            return members_.compare_exchange_strong(nobody, kClosed);
        };
        await(close);
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    }

    // As run(), with a thread for each i: a helper finds in its seat what to do, and leaves there
    // that it is done, so that few cache lines go from core to core.
    void run_each(int threads, void (*work)(void*, ptrdiff_t), void* context) {
        for (int i = 1; i < threads; ++i) {
            Seat& seat = seats_[i];
            seat.work = work, seat.context = context;
            ++seat.round;
            call(seat);
        }
        attempt(work, context, 0);
        for (int i = 1; i < threads; ++i) {
            Seat& seat = seats_[i];
            unsigned open = 2 * seat.round;
            const unsigned done = open + 2;
            // A helper that has not come yet is not waited for.
            if (seat.state == open && seat.state.compare_exchange_strong(open, done)) {
                attempt(work, context, i);
                continue;
            }
            await([&] { return seat.state == done; });
        }
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    }

  private:
    static constexpr int kClosed = -1;

    // A thread's place, the caller's first. Everyone begins with a range of its own, so that an
    // image of one call is likely to be where it was in the last one, and then helps the others.
    struct alignas(64) Seat {
        std::atomic<ptrdiff_t> next{0};
        ptrdiff_t end = 0;
        // `round` counts the calls of run_each(), whose arguments follow.
        alignas(64) std::atomic<unsigned> calls{0}, round{0};
        void (*work)(void*, ptrdiff_t) = nullptr;
        void* context = nullptr;
        std::atomic<bool> asleep{false};
        // Of a round: 2 round while nobody has begun it, 1 more when the helper has, 2 more when it
        // is done; then the next one is open.
        alignas(64) std::atomic<unsigned> state{2};
        alignas(64) std::condition_variable wake;
    };

    void start(int threads) {
        try {
            for (; started_ < threads; ++started_) {
                const unsigned seen = seats_[started_].calls;
                std::thread(&Pool::serve, this, started_, seen).detach();
            }
        } catch (const std::system_error&) {
            // The system gives no more threads: those that there are do the work.
        }
    }

    void call(Seat& seat) {
        ++seat.calls;
        if (!seat.asleep) return;
        {
            const std::lock_guard<std::mutex> until_it_waits(mutex_);
        }
        seat.wake.notify_one();
    }

    // Waits until ready() holds, which helpers change before they read `waiting_`.
    template <typename Ready>
    void await(Ready ready) {
        if (look(ready)) return;
        std::unique_lock<std::mutex> lock(mutex_);
        waiting_ = true;
        done_.wait(lock, ready);
        waiting_ = false;
    }

    void finished() {
        if (!waiting_) return;
        {
            const std::lock_guard<std::mutex> until_it_waits(mutex_);
        }
        done_.notify_one();
    }

    void attempt(void (*work)(void*, ptrdiff_t), void* context, ptrdiff_t i) {
        try {
            work(context, i);
        } catch (...) {
            fail();
        }
    }

    void fail() {
        const std::lock_guard<std::mutex> lock(mutex_);
        if (!failure_) failure_ = std::current_exception();
    }

    // The first failure ends the round and is thrown to the caller once nobody uses its work any
    // more.
    void take(int index) {
        try {
            for (int k = 0; k < threads_; ++k) {
                Seat& seat = seats_[(index + k) % threads_];
                for (ptrdiff_t i; (i = seat.next.fetch_add(1)) < seat.end;) work_(context_, i);
            }
        } catch (...) {
            for (int i = 0; i < threads_; ++i)
                seats_[i].next = std::numeric_limits<ptrdiff_t>::max() / 2;
            fail();
        }
    }

    void serve(int index, unsigned seen) {
        Seat& seat = seats_[index];
        const auto called = [&] { return seat.calls != seen; };
        for (;;) {
            if (!look(called)) {
                std::unique_lock<std::mutex> lock(mutex_);
                seat.asleep = true;
                seat.wake.wait(lock, called);
                seat.asleep = false;
            }
            seen = seat.calls;
            unsigned open = 2 * seat.round;
            if (seat.state.compare_exchange_strong(open, open + 1)) {
                attempt(seat.work, seat.context, index);
                ++seat.state;
                finished();
                continue;
            }
            if (!join()) continue;
            if (index < threads_) take(index);  // else it came late, to another round
            if (--members_ == 0) finished();
        }
    }

    bool join() {
        int members = members_;
        while (members != kClosed) {
            if (members_.compare_exchange_weak(members, members + 1)) return true;
        }
        return false;
    }

    std::mutex mutex_;
    std::condition_variable done_;
    std::atomic<bool> waiting_{false};
    std::atomic<int> members_{kClosed};  // helpers at work; none may join a closed round
    int started_ = 1, threads_ = 1;      // the caller among them
    void (*work_)(void*, ptrdiff_t) = nullptr;
    void* context_ = nullptr;
    std::exception_ptr failure_;
    Seat seats_[kMostThreads];
};

// A pool is never destroyed: its threads wait on it until the process ends.
std::atomic<Pool*> current{nullptr};
std::atomic<bool> taken{false};

// Threads do not survive a fork, and whoever had the pool may be one of them: a child process gets
// a pool of its own. Windows has no fork.
Pool& pool() {
#ifndef _WIN32
    static const int prepared =
        pthread_atfork(nullptr, nullptr, [] { current = nullptr, taken = false; });
    (void)prepared;
#endif
    if (!current) current = new Pool;
    return *current;
}

// While it lives, the pool is this caller's; unless another one has it.
class Turn {
  public:
    Turn() : mine_(!taken.exchange(true)) {}
    ~Turn() {
        if (mine_) taken = false;
    }
    Turn(const Turn&) = delete;
    explicit operator bool() const { return mine_; }

  private:
    const bool mine_;
};

constexpr int kMeetings = 32, kWait = 1 << 14;
// Longer than near cores take, with waking a thread; where the other thread does not come, 32 waits
// would be 25 ms in somebody's call.
constexpr std::chrono::milliseconds kMost{1};

// Waits for the other thread, unless that does not come.
void meet(void* context, ptrdiff_t) {
    std::atomic<int>& here = *static_cast<std::atomic<int>*>(context);
    ++here;
    for (int i = 0; i < kWait && here < 2; ++i) relax();
}

}  // namespace

void parallel_for(int threads, ptrdiff_t count, void (*work)(void*, ptrdiff_t), void* context) {
    if (threads > 1 && count > 1) {
        if (const Turn turn; turn) {
            const ptrdiff_t most = std::min<ptrdiff_t>(count, kMostThreads);
            pool().run(static_cast<int>(std::min<ptrdiff_t>(threads, most)), count, work, context);
            return;
        }
    }
    for (ptrdiff_t i = 0; i < count; ++i) work(context, i);
}

bool cores_are_near() {
    using Clock = std::chrono::steady_clock;
    static std::atomic<bool> found{false};
    static std::atomic<Clock::rep> next{0};
    Clock::time_point begin = Clock::now();
    if (begin.time_since_epoch().count() < next) return found;
    const Turn turn;
    if (!turn) return found;
    next = (begin + std::chrono::seconds{1}).time_since_epoch().count();
    const Clock::time_point last = begin + kMost;
    Clock::duration times[kMeetings];
    std::fill_n(times, kMeetings, Clock::duration::max());
    for (Clock::duration& time : times) {
        if (begin > last) break;
        std::atomic<int> here{0};
        pool().run(2, 2, meet, &here);
        const Clock::time_point end = Clock::now();
        time = end - begin, begin = end;
    }
    Clock::duration* const middle = times + kMeetings / 2;
    std::nth_element(times, middle, times + kMeetings);
    found = *middle < kNear;
    return found;
}

}  // namespace cnnkit
