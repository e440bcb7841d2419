// Threads that wait for numbered tasks.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "per_process.h"

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
    // Libraries that include this share it where the linker merges static objects, as GNU's does.
    Pool &pool = PerProcess<Pool>::get();
    std::lock_guard<std::mutex> hold(pool.one_run_);
    pool.share(count, threads, task);
  }

 private:
  void share(int count, int threads, const Task &task) {
    while (size_ < threads - 1) std::thread(&Pool::serve, this, ++size_, generation_.load()).detach();
    {
      std::lock_guard<std::mutex> hold(mutex_);
      task_ = &task, count_ = count, wanted_ = threads - 1, busy_ = size_, next_ = 0;
      ++generation_;
    }
    wake_.notify_all();
    take(0);
    soon([&] { return busy_ == 0; });
    std::unique_lock<std::mutex> hold(mutex_);
    done_.wait(hold, [&] { return busy_ == 0; });
  }

  void take(int thread) {
    for (int i; (i = next_.fetch_add(1)) < count_;) (*task_)(i, thread);
  }

  // Look for a while whether it has come about: runs follow one another within some ten microseconds,
  // and a thread that sleeps takes longer to wake. Other processes get the core.
  template <class Condition>
  static void soon(const Condition &met) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(300);
    do {
      for (int i = 0; i < 100; ++i)
        if (met()) return;
      std::this_thread::yield();
    } while (std::chrono::steady_clock::now() < end);
  }

  void serve(int thread, unsigned seen) {
    for (;;) {
      soon([&] { return generation_ != seen; });
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

  std::mutex one_run_, mutex_;
  std::condition_variable wake_, done_;
  std::atomic<unsigned> generation_{0};
  std::atomic<int> next_{0}, busy_{0};
  const Task *task_ = nullptr;
  int size_ = 0, count_ = 0, wanted_ = 0;
};
