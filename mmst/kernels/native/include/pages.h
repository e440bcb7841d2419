// Memory of large pages, where the system has them: Linux. Elsewhere it is ordinary memory, and under
// AddressSanitizer, which knows the ends of that.
//
// Which small pages a network gets is chance, and with it which of its parts drive each other out of
// the second level of cache: in one place the same network is slower than in another.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <new>
#ifdef __linux__
#include <sys/mman.h>
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MMST_WATCHED
#endif
#endif
#if defined(MADV_HUGEPAGE) && !defined(MMST_WATCHED) && !defined(__SANITIZE_ADDRESS__)
#define MMST_LARGE_PAGES
#endif

namespace pages {

constexpr int64_t LARGE = 1 << 21;

// Whether so many bytes are worth a large page.
inline bool large(int64_t bytes) {
#ifdef MMST_LARGE_PAGES
  return bytes >= LARGE / 8;
#else
  return false;
#endif
}

// What so many bytes take.
inline int64_t rounded(int64_t bytes) {
  return large(bytes) ? (bytes + LARGE - 1) / LARGE * LARGE : bytes;
}

// Zeros, `bytes` being rounded; null where there is no memory.
inline void *take(int64_t bytes) {
#ifdef MMST_LARGE_PAGES
  if (large(bytes)) {
    void *all = mmap(nullptr, bytes + LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED) return nullptr;
    const int64_t before = -reinterpret_cast<uintptr_t>(all) % LARGE;
    char *data = static_cast<char *>(all) + before;
    if (before) munmap(all, before);
    munmap(data + bytes, LARGE - before);
    madvise(data, bytes, MADV_HUGEPAGE);  // a wish: that it fails does no harm
    return data;
  }
#endif
  return std::calloc(1, bytes);
}

// Frees what take(bytes) gave.
inline void give(void *data, int64_t bytes) {
#ifdef MMST_LARGE_PAGES
  if (large(bytes)) {
    if (data) munmap(data, bytes);
    return;
  }
#endif
  std::free(data);
}

}  // namespace pages

// Floats that are 0 to begin with, and lost where more are asked for.
class PageBuffer {
 public:
  PageBuffer() = default;
  PageBuffer(PageBuffer &&other) noexcept : data_(other.data_), bytes_(other.bytes_) {
    other.data_ = nullptr, other.bytes_ = 0;
  }
  PageBuffer &operator=(const PageBuffer &) = delete;
  ~PageBuffer() { clear(); }

  float *of(int64_t floats) {
    const int64_t bytes = pages::rounded(floats * int64_t(sizeof(float)));
    if (bytes > bytes_) {
      clear();
      data_ = static_cast<float *>(pages::take(bytes));
      if (!data_) throw std::bad_alloc();
      bytes_ = bytes;
    }
    return data_;
  }
  int64_t bytes() const { return bytes_; }
  void clear() { pages::give(data_, bytes_), data_ = nullptr, bytes_ = 0; }

 private:
  float *data_ = nullptr;
  int64_t bytes_ = 0;
};

// Pieces of large pages one next to the other, which are freed together. Where there are none, arrays
// have memory of their own.
class PagePool {
 public:
  PagePool() = default;
  PagePool(const PagePool &) = delete;
  PagePool &operator=(const PagePool &) = delete;
  ~PagePool() {
    while (last_) {
      Chunk *before = last_->before;
      pages::give(last_, last_->bytes), last_ = before;
    }
  }

  // Null where there is none.
  void *take(int64_t bytes) {
    bytes = (bytes + 63) / 64 * 64;
    if (bytes > left_) {
      const int64_t size = pages::rounded(std::max(bytes + int64_t(sizeof(Chunk)), pages::LARGE));
      auto *chunk = static_cast<Chunk *>(pages::take(size));
      if (!chunk) return nullptr;
      chunk->before = last_, chunk->bytes = size, last_ = chunk;
      next_ = reinterpret_cast<char *>(chunk + 1), left_ = size - int64_t(sizeof(Chunk));
    }
    next_ += bytes, left_ -= bytes;
    return next_ - bytes;
  }

 private:
  struct alignas(64) Chunk {
    Chunk *before;
    int64_t bytes;
  };

  Chunk *last_ = nullptr;
  char *next_ = nullptr;
  int64_t left_ = 0;
};
