// Threads that wait for numbered tasks.
#pragma once
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

class Pool {
 public:
  using Task = std::function<void(int task, int thread)>;

  // Run tasks 0 .. count-1 on `threads` threads, the caller's among them; returns when all are done.
  // Callers from several threads wait for one another.
  static void run(int count, int threads, const Task &task) {
    if (threads > count) threads = count;
    if (threads < 2) {
      for (int i = 0; i < count; ++i) task(i, 0);
      return;
    }
    Pool *pool = of_this_process();
    std::lock_guard<std::mutex> hold(pool->one_run_);
    pool->share(count, threads, task);
  }

 private:
  // Libraries that include this share it where the linker merges static objects, as GNU's does.
  static Pool *of_this_process() {
    static std::mutex making;
    static Pool *pool = nullptr;
    std::lock_guard<std::mutex> hold(making);
    // A forked process has none of its parent's threads. Pools are never destroyed: their threads
    // may outlive static objects.
    if (!pool || pool->owner_ != getpid()) pool = new Pool;
    return pool;
  }

  void share(int count, int threads, const Task &task) {
    while (size_ < threads - 1) std::thread(&Pool::serve, this, ++size_, generation_.load()).detach();
    {
      std::lock_guard<std::mutex> hold(mutex_);
      task_ = &task, count_ = count, wanted_ = threads - 1, busy_ = size_, next_ = 0;
      ++generation_;
    }
    wake_.notify_all();
    take(0);
    std::unique_lock<std::mutex> hold(mutex_);
    done_.wait(hold, [&] { return busy_ == 0; });
  }

  void take(int thread) {
    for (int i; (i = next_.fetch_add(1)) < count_;) (*task_)(i, thread);
  }

  void serve(int thread, unsigned seen) {
    for (;;) {
      for (int spin = 0; spin < 4000 && generation_ == seen; ++spin) std::atomic_signal_fence(
          std::memory_order_seq_cst);
      std::unique_lock<std::mutex> hold(mutex_);
      wake_.wait(hold, [&] { return generation_ != seen; });
      seen = generation_;
      const bool wanted = thread <= wanted_;
      hold.unlock();
      if (wanted) take(thread);
      hold.lock();
      if (--busy_ == 0) done_.notify_one();
    }
  }

  const pid_t owner_ = getpid();
  std::mutex one_run_, mutex_;
  std::condition_variable wake_, done_;
  std::atomic<unsigned> generation_{0};
  std::atomic<int> next_{0};
  const Task *task_ = nullptr;
  int size_ = 0, count_ = 0, wanted_ = 0, busy_ = 0;
};
