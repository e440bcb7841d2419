// What a Transformer sees of a map that is enlarged for it, without the enlarged map.
#pragma once
#include "maps.h"
#include "sampling.h"
#include "transformer.h"

// A place of the grid along one axis: two places of the enlarged map, each between two of the map.
struct GridPlace {
  int low[2], high[2];
  float share[2], between;
};

INLINE GridPlace grid_place(int i, int size, int enlarged) {
  GridPlace place;
  int at[2];
  sample_at(i, enlarged, GRID, at[0], at[1], place.between);
  for (int k = 0; k < 2; ++k)
    sample_at(at[k], size, enlarged, place.low[k], place.high[k], place.share[k]);
  return place;
}

INLINE float mixed(float a, float b, float share) { return a + share * (b - a); }

// Some channels of one image, enlarged to height x width (bilinear), then resized to the grid:
// (count, 64).
static void enlarged_on_grid(const float *x, const Map &map, const int32_t *channels, int count,
                             int height, int width, float *out) {
  GridPlace rows[GRID], columns[GRID];
  for (int i = 0; i < GRID; ++i)
    rows[i] = grid_place(i, map.height, height), columns[i] = grid_place(i, map.width, width);
  for (int c = 0; c < count; ++c)
    for (int i = 0; i < GRID; ++i)
      for (int j = 0; j < GRID; ++j) {
        const GridPlace &r = rows[i], &q = columns[j];
        const float *plane = x + channels[c] * map.plane;
        float corner[2][2];
        for (int a = 0; a < 2; ++a)
          for (int b = 0; b < 2; ++b) {
            const float *above = plane + int64_t(r.low[a]) * map.stride;
            const float *below = plane + int64_t(r.high[a]) * map.stride;
            corner[a][b] = mixed(mixed(above[q.low[b]], above[q.high[b]], q.share[b]),
                                 mixed(below[q.low[b]], below[q.high[b]], q.share[b]), r.share[a]);
          }
        *out++ = mixed(mixed(corner[0][0], corner[0][1], q.between),
                       mixed(corner[1][0], corner[1][1], q.between), r.between);
      }
}
