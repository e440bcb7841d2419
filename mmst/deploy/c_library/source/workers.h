// Threads of one ticket, started as it is opened; without threads (TICKET_NO_THREADS) the caller
// does all.
#pragma once
#include <atomic>

#ifndef TICKET_NO_THREADS
#include <pthread.h>
#endif

constexpr int MOST_THREADS = 64;

class Workers {
 public:
  typedef void (*Task)(const void *work, int task, int thread);

  int count() const { return count_; }

  // Run tasks 0 .. count - 1. Where another caller has the threads, this one computes alone.
  void run(int count, Task task, const void *work) {
#ifndef TICKET_NO_THREADS
    if (count_ > 1 && count > 1 && !pthread_mutex_trylock(&one_)) {
      share(count, task, work);
      pthread_mutex_unlock(&one_);
      return;
    }
#endif
    for (int i = 0; i < count; ++i) task(work, i, 0);
  }

#ifdef TICKET_NO_THREADS
  bool start(int) { return true; }

 private:
  int count_ = 1;
#else
  bool start(int threads) {
    while (count_ < threads) {
      Start &own = starts_[count_];
      own = {this, count_};
      if (pthread_create(&threads_[count_], nullptr, serve, &own)) return false;
      ++count_;
    }
    return true;
  }

  ~Workers() {
    pthread_mutex_lock(&lock_);
    ends_ = true, ++turn_;
    pthread_cond_broadcast(&wake_);
    pthread_mutex_unlock(&lock_);
    for (int i = 1; i < count_; ++i) pthread_join(threads_[i], nullptr);
  }

 private:
  struct Start {
    Workers *all;
    int thread;
  };

  void share(int count, Task task, const void *work) {
    pthread_mutex_lock(&lock_);
    task_ = task, work_ = work, tasks_ = count, next_ = 0, busy_ = count_ - 1, ++turn_;
    pthread_cond_broadcast(&wake_);
    pthread_mutex_unlock(&lock_);
    take(0);
    pthread_mutex_lock(&lock_);
    while (busy_) pthread_cond_wait(&done_, &lock_);
    pthread_mutex_unlock(&lock_);
  }

  void take(int thread) {
    for (int i; (i = next_.fetch_add(1)) < tasks_;) task_(work_, i, thread);
  }

  static void *serve(void *start) {
    Workers &w = *static_cast<Start *>(start)->all;
    const int thread = static_cast<Start *>(start)->thread;
    unsigned seen = 0;
    pthread_mutex_lock(&w.lock_);
    for (;;) {
      while (w.turn_ == seen) pthread_cond_wait(&w.wake_, &w.lock_);
      seen = w.turn_;
      if (w.ends_) break;
      pthread_mutex_unlock(&w.lock_);
      w.take(thread);
      pthread_mutex_lock(&w.lock_);
      if (--w.busy_ == 0) pthread_cond_signal(&w.done_);
    }
    pthread_mutex_unlock(&w.lock_);
    return nullptr;
  }

  pthread_mutex_t one_ = PTHREAD_MUTEX_INITIALIZER, lock_ = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t wake_ = PTHREAD_COND_INITIALIZER, done_ = PTHREAD_COND_INITIALIZER;
  pthread_t threads_[MOST_THREADS];
  Start starts_[MOST_THREADS];
  Task task_ = nullptr;
  const void *work_ = nullptr;
  int count_ = 1, tasks_ = 0, busy_ = 0;
  unsigned turn_ = 0;
  bool ends_ = false;
  std::atomic<int> next_{0};
#endif
};
