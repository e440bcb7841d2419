// Lays convolutions and the stem out for one size of map.
#pragma once
#include "layouts.h"

// False: the map is too large.
inline bool plan_conv(const ConvLayer &l, const Layout &out, Arena &arena, Conv &c) {
  const bool plain = l.size == 1 && l.stride == 1;
  const int phases = l.stride * l.stride, row = out.stride(), taps = l.size * l.size;
  const int live = l.used.channels.size;
  const int margin = plain ? 0 : std::max(margin_of(l.size, l.stride, row), ALIGNMENT);
  const int64_t plane = out.plane() + 2 * margin;
  if (plane * phases * std::max(l.inputs, 1) > MOST) return false;
  int32_t *offset = arena.take<int32_t>(l.weight.column.size);
  if (!arena.counts())
    for (int64_t i = 0; i < l.weight.column.size; ++i) {
      const int32_t channel = l.weight.column[i] / taps;
      const Tap tap(l.weight.column[i] % taps, l.size, l.stride, row);
      offset[i] = plain ? channel * plane
                        : (l.used.place[channel] * int64_t(phases) + tap.phase) * plane + tap.shift;
    }
  c = {l.outputs, phases, l.positive, live, int32_t(out.plane()), margin,
       {l.weight.start.data, offset, l.weight.value.data}, l.bias.data, l.used.channels.data};
  return true;
}

inline bool plan_stem(const StemLayer &l, int height, int width, const Layout &out, Arena &arena,
                      Stem &s) {
  const ConvLayer &a = l.first, &b = l.second;
  const int row = out.stride(), taps = b.size * b.size, first_taps = a.size * a.size;
  int low = 0, high = 0, reach = 0;
  for (int tap = 0; tap < taps; ++tap)
    reach = std::max(reach, std::abs(Tap(tap, b.size, 2, row).shift));
  for (int64_t i = 0; i < b.weight.column.size; ++i) {
    const int shift = Tap(b.weight.column[i] % taps, b.size, 2, row).shift;
    low = std::min(low, shift), high = std::max(high, shift);
  }
  const int lowest = below(-(a.size / 2), 4), highest = below(2 + a.size - 1 - a.size / 2, 4);
  for (const int down : {lowest, highest})
    for (const int right : {lowest, highest}) reach = std::max(reach, std::abs(down * row + right));
  const int margin = up(reach, ALIGNMENT), tile = std::min<int64_t>(STEM_TILE, out.plane());
  const int64_t plane = out.plane() + 2 * margin, room = tile + 2 * margin;
  const int live = a.used.channels.size;
  if (plane * 16 * live > MOST || room * l.count > MOST) return false;

  int64_t copies = 0;  // weights of the first convolution, once for each phase that is computed
  for (int64_t i = 0; i < l.inner.size; ++i)
    if (l.inner[i] >= 0) copies += a.weight.start[i / 4 + 1] - a.weight.start[i / 4];
  auto *start = arena.take<int32_t>(l.count + 1), *offset = arena.take<int32_t>(copies);
  auto *value = arena.take<float>(copies), *bias = arena.take<float>(l.count);
  auto *rows = arena.take<int32_t>(l.count), *columns = arena.take<int32_t>(l.count);
  auto *to = arena.take<int32_t>(b.weight.column.size);
  auto *weight = arena.take<float>(b.weight.column.size);
  s = {l.count, b.outputs, int32_t(out.plane()), tile, margin, row, live, low, high,
       {start, offset, value}, {b.weight.start.data, to, weight}, bias, b.bias.data, rows, columns,
       a.used.channels.data};
  if (arena.counts()) return true;

  const int mid_height = halved(height, 2), mid_width = halved(width, 2);
  int32_t at = 0;
  for (int64_t i = 0; i < l.inner.size; ++i) {
    const int32_t n = l.inner[i], channel = i / 4, phase = i % 4;
    if (n < 0) continue;
    start[n] = at, bias[n] = a.bias[channel];
    rows[n] = of_phase(mid_height, 2, phase / 2), columns[n] = of_phase(mid_width, 2, phase % 2);
    for (int32_t j = a.weight.start[channel]; j < a.weight.start[channel + 1]; ++j, ++at) {
      const int32_t column = a.weight.column[j], tap = column % first_taps;
      const int y = 2 * (phase / 2) + tap / a.size - a.size / 2;
      const int x = 2 * (phase % 2) + tap % a.size - a.size / 2;
      const int down = below(y, 4), right = below(x, 4);
      const int64_t origin = (y - 4 * down) * 4 + (x - 4 * right);
      offset[at] = (a.used.place[column / first_taps] * 16 + origin) * plane + down * row + right;
      value[at] = a.weight.value[j];
    }
  }
  start[l.count] = at, at = 0;
  for (int32_t o = 0; o < b.outputs; ++o)  // by channel, phase, tap
    for (int32_t j = b.weight.start[o], end = b.weight.start[o + 1]; j < end;) {
      const int32_t channel = b.weight.column[j] / taps;
      int32_t last = j;
      while (last < end && b.weight.column[last] / taps == channel) ++last;
      for (int phase = 0; phase < 4; ++phase)
        for (int32_t k = j; k < last; ++k) {
          const Tap tap(b.weight.column[k] % taps, b.size, 2, row);
          if (tap.phase != phase) continue;
          to[at] = l.inner[channel * 4 + phase] * room + tap.shift, weight[at++] = b.weight.value[k];
        }
      j = last;
    }
  return true;
}
