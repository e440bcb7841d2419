// Objects of a process that its forked children do not share.
#pragma once
#include <unistd.h>

#include <atomic>

// At a fork another thread may hold the object's lock, or be changing it: the child has no such
// thread, so that the lock would never be free. It makes an object of its own and leaves the other
// alone. Objects are never destroyed: threads may outlive static ones.
template <class T>
class PerProcess {
 public:
  static T &get() {
    static std::atomic<PerProcess *> current{nullptr};
    PerProcess *found = current.load();
    const pid_t here = getpid();
    while (!found || found->owner_ != here) {
      auto *made = new PerProcess(here);
      if (current.compare_exchange_strong(found, made)) return made->object_;
      delete made;
    }
    return found->object_;
  }

 private:
  explicit PerProcess(pid_t owner) : owner_(owner) {}

  const pid_t owner_;
  T object_;
};
