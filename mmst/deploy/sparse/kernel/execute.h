// Runs the steps of a network on one image, or counts the memory that this takes.
//
// A `Host` has the threads: count() of them, and context(arena, need) for the call of a layer
// (layers.h).
#pragma once
#include "network.h"
#include "plan_block.h"
#include "plan_conv.h"
#include "sampled.h"
#include "slots.h"

template <class Host>
class Execution {
 public:
  Execution(const Network &n, Host &host, Arena &arena, float *maps)
      : network_(n), host_(host), arena_(arena), slots_(maps) {}

  // False: the image is too large. `image`: planes of floats. Each step's time by `clock` is added to
  // its place in `times`, where that is given.
  bool run(const Map &image, int64_t *times = nullptr, int64_t (*clock)() = nullptr) {
    for (const Step &s : steps()) {
      const int64_t mark = arena_.mark(), begin = times ? clock() : 0;
      if (!step(s, image)) return false;
      if (times) times[&s - network_.steps.data] += clock() - begin;
      arena_.back_to(mark);
    }
    return true;
  }

  const Map &result() const { return slots_.maps[network_.header.result]; }
  int64_t floats() const { return slots_.most(); }

 private:
  struct Range {
    const Step *first, *last;
    const Step *begin() const { return first; }
    const Step *end() const { return last; }
  };
  Range steps() const { return {network_.steps.data, network_.steps.data + network_.steps.size}; }

  Layout layout(int height, int width, int stride) const {
    return {halved(height, stride), halved(width, stride), network_.header.gap};
  }

  bool step(const Step &s, const Map &image) {
    const Map &x = s.kind == STEM ? image : slots_.maps[s.in < 0 ? 0 : s.in];
    switch (s.kind) {
      case STEM: return stem(s, x);
      case CONV: return conv(s.conv, x, s.out);
      case FREE: slots_.free(s.out); return true;
      case IMAGE: return copy(image, s.out);
      case FINISH:
        if (!arena_.counts()) {
          auto &&c = host_.context(arena_, {0, 0, 0});
          run_finish(c, s.in < 0 ? nullptr : &x, &slots_.maps[s.out], s.flag);
        }
        return true;
      case BLOCK:
      case NECK: return block(s, x);
      default: return node(s, x, image);
    }
  }

  bool copy(const Map &image, int out) {
    slots_.make(out, layout(image.height, image.width, 1), image.channels);
    if (arena_.counts()) return true;
    const Map &y = slots_.maps[out];
    for (int c = 0; c < y.channels; ++c)
      for (int row = 0; row < y.height; ++row)
        std::memcpy(row_of(y, 0, c, row), row_of(image, 0, c, row), sizeof(float) * y.width);
    return true;
  }

  // An operation between layers, as long as its result fits in 32 bits.
  bool node(const Step &s, const Map &x, const Map &image) {
    const Node &n = s.node;
    Extent e = n.extent;
    if (s.kind != RESIZE && s.kind != ONES && s.kind != VALUES) e.height = x.height, e.width = x.width;
    if (s.kind == MEAN) e.height = e.width = 1;
    if (!e.height) e.height = image.height >> e.level, e.width = image.width >> e.level;
    const int channels = s.kind == GATHER   ? n.sources.size
                         : s.kind == MIXER  ? n.mixer.plan.outputs
                         : s.kind == VALUES ? n.count
                         : s.kind == ONES   ? 1
                                            : x.channels;
    const Layout out = layout(e.height, e.width, 1);
    if (out.plane() * channels > MOST) return false;
    slots_.make(s.out, out, channels);
    auto &&c = host_.context(arena_, need_of(s.kind, n, out.width));
    if (!arena_.counts()) run_node(c, s.kind, s.flag, n, slots_.maps, x, slots_.maps[s.out]);
    return true;
  }

  bool stem(const Step &s, const Map &x) {
    const Layout out{halved(halved(x.height, 2), 2), halved(halved(x.width, 2), 2), network_.header.gap};
    Stem plan;
    if (!plan_stem(s.stem, x.height, x.width, out, arena_, plan)) return false;
    slots_.make(s.out, out, plan.outputs);
    auto &&c = host_.context(arena_, need_of(plan, x));
    if (!arena_.counts()) run_stem(c, &plan, &x, &slots_.maps[s.out]);
    return true;
  }

  bool conv(const ConvLayer &l, const Map &x, int out) {
    const Layout layout = this->layout(x.height, x.width, l.stride);
    slots_.make(out, layout, l.outputs);
    return conv(l, x, layout, slots_.maps[out]);
  }

  bool conv(const ConvLayer &l, const Map &x, const Layout &layout, const Map &y) {
    Conv plan;
    if (!plan_conv(l, layout, arena_, plan)) return false;
    auto &&c = host_.context(arena_, need_of(plan, x));
    if (!arena_.counts()) run_conv(c, &plan, &x, &y);
    return true;
  }

  bool block(const Step &s, const Map &x) {
    const BlockLayer &l = s.block;
    const Transformer *t = l.global ? &l.transformer.plan : nullptr;
    const Layout out = layout(x.height, x.width, l.stride);
    Coarse coarse[MOST_COARSE];
    int count = 0;
    for (int64_t i = 0; i < s.coarse.size; ++i)
      if (s.coarse[i].adds) {
        if (!widened(s.coarse[i], out, coarse[count])) return false;
        ++count;
      }
    const float *sampled = s.kind == NECK && t && t->inputs ? sample(s, x) : nullptr;
    Block plan;
    if (!plan_block(l, x.height, x.width, out, host_.count(), arena_, plan)) return false;
    if (!s.flag) slots_.make(s.out, out, l.outputs);
    const Map &y = slots_.maps[s.out];
    const Array<int32_t> &live = l.used.channels;
    auto &&c = host_.context(arena_, need_of(plan, t, x, y, live.size));
    if (!arena_.counts())
      run_block(c, &plan, t, &x, &y, live.data, live.size, coarse, count, sampled, s.flag);
    return true;
  }

  // A coarser input's share, as wide as the output.
  bool widened(const CoarseLayer &l, const Layout &out, Coarse &c) {
    const Map &x = slots_.maps[l.source];
    const Layout narrow = layout(x.height, x.width, 1), wide{x.height, out.width, out.gap};
    const Map y = map_of(arena_.take<float>(wide.plane() * l.conv.outputs), wide, l.conv.outputs);
    const int64_t mark = arena_.mark();
    const Map z = map_of(arena_.take<float>(narrow.plane() * l.conv.outputs), narrow, l.conv.outputs);
    if (!conv(l.conv, x, narrow, z)) return false;
    auto &&context = host_.context(arena_, {0, Samples::floats(out.width), 0});
    if (!arena_.counts()) run_widen(context, &z, &y);
    arena_.back_to(mark);
    c = {y.data, y.image, y.plane, y.height, y.stride, l.hidden.data, l.outputs.data};
    return true;
  }

  const float *sample(const Step &s, const Map &x) {
    float *out = arena_.take<float>(int64_t(s.block.transformer.plan.inputs) * DIM), *at = out;
    if (!out) return nullptr;
    enlarged_on_grid(x.data, x, s.sampled.data, s.sampled.size, x.height, x.width, at);
    at += s.sampled.size * DIM;
    for (int64_t i = 0; i < s.coarse.size; ++i) {
      const CoarseLayer &l = s.coarse[i];
      const Map &from = slots_.maps[l.source];
      enlarged_on_grid(from.data, from, l.sampled.data, l.sampled.size, x.height, x.width, at);
      at += l.sampled.size * DIM;
    }
    return out;
  }

  const Network &network_;
  Host &host_;
  Arena &arena_;
  Slots slots_;
};
