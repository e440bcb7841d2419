// Memory without exceptions: arrays that are freed with their owner, and a region that is cut up.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <new>

// Where arrays get their memory from, which frees it all at once.
struct Source {
  void *(*take)(void *self, int64_t bytes) = nullptr;
  void *self = nullptr;
};

template <class T>
struct Array {
  T *data = nullptr;
  int64_t size = 0;
  bool owned = true;

  Array() = default;
  Array(const Array &) = delete;
  Array &operator=(const Array &) = delete;
  ~Array() {
    for (int64_t i = 0; i < size; ++i) data[i].~T();
    if (owned) std::free(data);
  }

  bool make(int64_t count, const Source &source = {}) {
    const int64_t bytes = sizeof(T) * (count ? count : 1);
    owned = !source.take;
    data = static_cast<T *>(owned ? std::malloc(bytes) : source.take(source.self, bytes));
    if (!data) return false;
    for (int64_t i = 0; i < count; ++i) new (data + i) T{};
    size = count;
    return true;
  }

  T &operator[](int64_t i) { return data[i]; }
  const T &operator[](int64_t i) const { return data[i]; }
};

// A region, piece after piece; without a base it only counts.
class Arena {
 public:
  explicit Arena(char *base = nullptr) : base_(base) {}

  template <class T>
  T *take(int64_t count) {
    const int64_t at = used_;
    used_ += (count * int64_t(sizeof(T)) + 63) / 64 * 64;
    if (used_ > most_) most_ = used_;
    return base_ ? reinterpret_cast<T *>(base_ + at) : nullptr;
  }
  bool counts() const { return !base_; }
  int64_t mark() const { return used_; }
  void back_to(int64_t mark) { used_ = mark; }
  int64_t most() const { return most_; }

 private:
  char *base_;
  int64_t used_ = 0, most_ = 0;
};
