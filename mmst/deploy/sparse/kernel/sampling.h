// Where values of a resized map come from.
#pragma once
#include <algorithm>
#include <vector>

#include "vectors.h"

// torch's bilinear sampling (align_corners=False) of one axis.
INLINE void sample_at(int i, int size, int target, int &low, int &high, float &share) {
  const float place = std::max(0.f, (i + .5f) * (float(size) / target) - .5f);
  low = std::min(int(place), size - 1), high = std::min(low + 1, size - 1), share = place - low;
}

// The same for all places of an axis.
struct Samples {
  std::vector<int> low, high;
  std::vector<float> share;

  Samples(int size, int target) : low(target), high(target), share(target) {
    for (int i = 0; i < target; ++i) sample_at(i, size, target, low[i], high[i], share[i]);
  }

  void resize(const float *row, float *__restrict out) const {
    const int count = low.size(), *a = low.data(), *b = high.data();
    const float *part = share.data();
    for (int i = 0; i < count; ++i) out[i] = row[a[i]] + part[i] * (row[b[i]] - row[a[i]]);
  }
};
