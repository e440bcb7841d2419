// Lays a search block out for one size of map.
#pragma once
#include "constants.h"

// False: the map is too large.
inline bool plan_block(const BlockLayer &l, int height, int width, const Layout &out, int threads,
                       Arena &arena, Block &b) {
  const int row = out.stride(), phases = l.stride * l.stride, margin = margin_of(l.size, l.stride, row);
  const int64_t plane = out.plane(), least = (plane + BLOCK_TILE - 1) / BLOCK_TILE;
  const int64_t share = std::max<int64_t>(threads, least);
  const int64_t tile = up((plane + share - 1) / share, ALIGNMENT), room = tile + 2 * margin;
  const int64_t channel = phases * room + tile;
  const int chunk = std::max<int64_t>(1, std::min<int64_t>(l.hidden, std::max<int64_t>(LEAST, CHUNK / channel)));
  const int chunks = (l.hidden + chunk - 1) / chunk;
  if (plane * phases * l.inputs > MOST || channel * chunk > MOST) return false;
  const int64_t pitch = plane * phases;
  auto *residual = arena.take<int32_t>(l.residual.column.size);
  auto *expand = arena.take<int32_t>(l.expand.column.size);
  auto *taps = arena.take<int32_t>(l.taps.column.size);
  auto *project_start = arena.take<int32_t>(int64_t(chunks) * l.outputs + 1);
  auto *project = arena.take<int32_t>(l.project.column.size);
  auto *project_value = arena.take<float>(l.project.column.size);
  auto *low = arena.take<int32_t>(chunks), *high = arena.take<int32_t>(chunks);
  auto *live = arena.take<int32_t>(l.hidden);
  auto *rows = arena.take<int32_t>(4), *columns = arena.take<int32_t>(4);
  b = {};
  b.hidden = l.hidden, b.outputs = l.outputs, b.chunk = chunk, b.chunks = chunks, b.phases = phases;
  b.length = plane, b.tile = tile, b.margin = margin, b.width = out.width, b.stride = row;
  b.residual = {l.residual.start.data, residual, l.residual.value.data};
  b.expand = {l.expand.start.data, expand, l.expand.value.data};
  b.taps = {l.taps.start.data, taps, l.taps.value.data};
  b.project = {project_start, project, project_value};
  b.expand_bias = l.expand_bias.data, b.depthwise_bias = l.depthwise_bias.data;
  b.low = low, b.high = high, b.live_phases = live, b.rows = rows, b.columns = columns;
  plan_constants(l, height, width, out, arena, b);
  if (arena.counts()) return true;

  const auto place = [&](int32_t c) { return (l.stride == 2 ? l.used.place[c] : c) * pitch; };
  for (int64_t i = 0; i < l.residual.column.size; ++i) residual[i] = place(l.residual.column[i]);
  for (int64_t i = 0; i < l.expand.column.size; ++i) expand[i] = place(l.expand.column[i]);
  for (int32_t h = 0; h < l.hidden; ++h) {
    const int32_t c = h / chunk;
    if (h % chunk == 0) low[c] = INT32_MAX, high[c] = INT32_MIN;
    live[h] = 0;
    for (int32_t j = l.taps.start[h]; j < l.taps.start[h + 1]; ++j) {
      const Tap tap(l.taps.column[j], l.size, l.stride, row);
      taps[j] = tap.phase * room + tap.shift, live[h] |= 1 << tap.phase;
      low[c] = std::min(low[c], tap.shift), high[c] = std::max(high[c], tap.shift);
    }
  }
  for (int c = 0; c < chunks; ++c)
    if (low[c] > high[c]) low[c] = high[c] = 0;
  for (int p = 0; p < phases; ++p)
    rows[p] = of_phase(height, l.stride, p / l.stride), columns[p] = of_phase(width, l.stride, p % l.stride);
  int32_t at = 0;
  project_start[0] = 0;
  for (int c = 0; c < chunks; ++c)
    for (int32_t o = 0; o < l.outputs; ++o) {
      // Columns ascend: those of a chunk are neighbours.
      const int32_t *first = l.project.column.data + l.project.start[o];
      const int32_t *last = l.project.column.data + l.project.start[o + 1];
      const int32_t *from = std::lower_bound(first, last, c * chunk);
      const int32_t *to = std::lower_bound(from, last, (c + 1) * chunk);
      for (; from < to; ++from, ++at) {
        project[at] = (*from - c * chunk) * int32_t(tile);
        project_value[at] = l.project.value[from - l.project.column.data];
      }
      project_start[int64_t(c) * l.outputs + o + 1] = at;
    }
  return true;
}
