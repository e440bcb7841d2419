// Feature maps as flat planes: row after row, each followed by a gap.
#pragma once
#include <algorithm>

#include "vectors.h"

// Zeros where places begin..end of a plane are not in the first `columns` of the first `rows` rows.
INLINE void clear_outside(float *plane, int begin, int end, int stride, int rows, int columns) {
  for (int row = begin / stride; row * stride < end; ++row) {
    const int inside = row * stride + (row < rows ? columns : 0);
    const int first = std::max(begin, inside), last = std::min(end, (row + 1) * stride);
    if (first < last) std::memset(plane + first, 0, sizeof(float) * (last - first));
  }
}
