// Where values of a resized map come from.
#pragma once
#include <algorithm>

#include "vectors.h"

// torch's bilinear sampling (align_corners=False) of one axis.
INLINE void sample_at(int i, int size, int target, int &low, int &high, float &share) {
  const float place = std::max(0.f, (i + .5f) * (float(size) / target) - .5f);
  low = std::min(int(place), size - 1), high = std::min(low + 1, size - 1), share = place - low;
}

// The same with align_corners=True: the first and the last places fall together.
INLINE void sample_aligned(int i, int size, int target, int &low, int &high, float &share) {
  const float place = target > 1 ? i * (float(size - 1) / (target - 1)) : 0.f;
  low = std::min(int(place), size - 1), high = std::min(low + 1, size - 1), share = place - low;
}

// Those of all places of an axis; they lie in memory of the caller's, `floats(target)` of it.
struct Samples {
  int count = 0;
  int32_t *low = nullptr, *high = nullptr;
  float *share = nullptr;

  static constexpr int64_t floats(int target) { return 3 * int64_t(target); }

  Samples() = default;
  Samples(int size, int target, float *room, bool aligned = false) : count(target) {
    low = reinterpret_cast<int32_t *>(room), high = low + target, share = room + 2 * int64_t(target);
    for (int i = 0; i < target; ++i) {
      int from, to;
      (aligned ? sample_aligned : sample_at)(i, size, target, from, to, share[i]);
      low[i] = from, high[i] = to;
    }
  }

  void resize(const float *row, float *__restrict out) const {
    const int32_t *a = low, *b = high;
    const float *part = share;
    for (int i = 0; i < count; ++i) out[i] = row[a[i]] + part[i] * (row[b[i]] - row[a[i]]);
  }
};
