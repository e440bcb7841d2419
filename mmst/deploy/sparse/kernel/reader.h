// Reads the file of weights, which nobody vouches for: nothing is read beyond its end, and it cannot
// ask for much more memory than it has bytes.
#pragma once
#include <cstring>

#include "memory.h"

// Non-zeros of a matrix, row by row; values are floats, however the file has them.
struct Matrix {
  int32_t rows = 0, columns = 0;
  Array<int32_t> start, column;
  Array<float> value;
};

class Reader {
 public:
  Reader(const uint8_t *data, int64_t bytes, bool eight_bits, const Source &memory = {})
      : at_(data), end_(data + bytes), budget_(64 * bytes + (1 << 20)), eight_bits_(eight_bits),
        memory_(memory) {}

  bool ok() const { return ok_; }
  bool no_memory() const { return no_memory_; }
  bool done() const { return ok_ && at_ == end_; }
  void fail() { ok_ = false; }

  uint32_t bits() {
    uint32_t value = 0;
    if (has(4)) std::memcpy(&value, at_, 4), at_ += 4;
    return value;
  }

  // A whole number in low..high; low where it is none, and then ok() is false.
  int32_t number(int32_t low, int32_t high) {
    const int64_t value = int32_t(bits());
    if (value < low || value > high) ok_ = false;
    return ok_ ? int32_t(value) : low;
  }

  float real() {
    float value = 0;
    const uint32_t found = bits();
    std::memcpy(&value, &found, 4);
    return value;
  }

  void floats(Array<float> &out, int64_t count) {
    if (has(4 * count) && make(out, count)) take(out.data, 4 * count);
  }

  // Whole numbers in low..high.
  void numbers(Array<int32_t> &out, int64_t count, int32_t low, int32_t high) {
    if (!has(4 * count) || !make(out, count)) return;
    for (int64_t i = 0; i < count; ++i) out[i] = number(low, high);
  }

  // Their number, their values, then their places as Rice codes of the zeros before each; values of
  // eight bits come last.
  void matrix(Matrix &m, int64_t rows, int64_t columns) {
    const int32_t count = number(0, 1 << 28), rice = number(0, 24), bytes = number(0, 1 << 28);
    if (!ok_ || count > rows * columns || rows > 1 << 24 || columns > 1 << 24) return fail();
    m.rows = rows, m.columns = columns;
    if (!eight_bits_) floats(m.value, count);
    if (!has(bytes) || !make(m.column, count) || !make(m.start, rows + 1)) return;
    int64_t bit = 0, place = -1, row = 0;
    for (int32_t i = 0; i < count; ++i) {
      int64_t gap = 0;
      while (next_bit(bit, bytes)) ++gap;
      gap <<= rice;
      for (int k = 0; k < rice; ++k) gap |= int64_t(next_bit(bit, bytes)) << k;
      place += gap + 1;
      if (!ok_ || place >= rows * columns) return fail();
      for (; row < place / columns; ++row) m.start[row + 1] = i;
      m.column[i] = place % columns;
    }
    for (; row < rows; ++row) m.start[row + 1] = count;
    at_ += bytes;
    if (eight_bits_) small_values(m);
  }

  template <class T>
  bool make(Array<T> &out, int64_t count) {
    budget_ -= count * int64_t(sizeof(T));
    if (!ok_ || budget_ < 0) return ok_ = false;
    if (!out.make(count, memory_)) no_memory_ = true, ok_ = false;
    return ok_;
  }

 private:
  // A scale for each row that has non-zeros, the upper half of its bits; then whole numbers of it.
  void small_values(Matrix &m) {
    const int64_t count = m.column.size;
    int64_t scales = 0;
    for (int32_t row = 0; row < m.rows; ++row) scales += m.start[row + 1] > m.start[row];
    if (!has(2 * scales + count) || !make(m.value, count)) return;
    const uint8_t *value = at_ + 2 * scales;
    for (int32_t row = 0; row < m.rows; ++row) {
      if (m.start[row + 1] == m.start[row]) continue;
      const uint32_t bits = uint32_t(at_[0] | at_[1] << 8) << 16;
      float scale;
      std::memcpy(&scale, &bits, 4), at_ += 2;
      for (int32_t j = m.start[row]; j < m.start[row + 1]; ++j) m.value[j] = scale * int8_t(*value++);
    }
    at_ += count;
  }

  bool has(int64_t bytes) {
    if (bytes < 0 || bytes > end_ - at_) ok_ = false;
    return ok_;
  }

  void take(void *to, int64_t bytes) {
    if (bytes) std::memcpy(to, at_, bytes);
    at_ += bytes;
  }

  bool next_bit(int64_t &bit, int64_t bytes) {
    if (bit >= 8 * bytes) ok_ = false;
    if (!ok_) return false;
    const bool found = at_[bit / 8] >> bit % 8 & 1;
    ++bit;
    return found;
  }

  const uint8_t *at_, *end_;
  int64_t budget_;
  const bool eight_bits_;
  const Source memory_;
  bool ok_ = true, no_memory_ = false;
};
