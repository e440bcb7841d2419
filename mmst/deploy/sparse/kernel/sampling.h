// Where values of a resized map come from.
#pragma once
#include <algorithm>

#include "vectors.h"

// torch's bilinear sampling (align_corners=False) of one axis.
INLINE void sample_at(int i, int size, int target, int &low, int &high, float &share) {
  const float place = std::max(0.f, (i + .5f) * (float(size) / target) - .5f);
  low = std::min(int(place), size - 1), high = std::min(low + 1, size - 1), share = place - low;
}
