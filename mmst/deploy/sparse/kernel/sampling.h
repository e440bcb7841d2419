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

  void resize(const float *row, float *out) const {
    for (size_t i = 0; i < low.size(); ++i)
      out[i] = row[low[i]] + share[i] * (row[high[i]] - row[low[i]]);
  }
};
