// The steps of a network, read from its file and checked: what they read is there and fits.
#pragma once
#include "node.h"

struct Step {
  int32_t kind, out, in;  // maps by number; `in` is -1 where there is none
  int32_t flag;           // BLOCK: adds to `out`; FINISH, SHIFT: ends in ReLU; RESIZE: nearest, twice
  StemLayer stem;
  ConvLayer conv;
  BlockLayer block;
  Array<int32_t> sampled;  // NECK: channels of `in` that its Transformer reads
  Array<CoarseLayer> coarse;
  Node node;
};

struct Header {
  void flags(int32_t bits) { swaps = bits & 1, aligned = bits >> 1 & 1, thresholds = bits >> 2; }

  int32_t kind, channels, outputs, gap, swaps, result;
  int32_t aligned, thresholds;  // labels: of scores resized with align_corners; of one channel
  float threshold;              // above which a score is label 1
};

class Network {
 public:
  Header header{};
  Array<float> mean, deviation;
  Array<Step> steps;
  int32_t levels = 0, stride = 1;

  // What a file holds after its head and checksum.
  void read(Reader &r) {
    Header &h = header;
    h.kind = r.number(0, 2), h.channels = r.number(1, 1024), h.outputs = r.number(1, MOST_CHANNELS);
    h.gap = r.number(1, 64), h.flags(r.number(0, 7)), h.result = r.number(0, MOST_SLOTS - 1);
    if (h.thresholds) h.threshold = r.real();
    if (h.thresholds && (h.kind || h.outputs != 1)) r.fail();
    r.floats(mean, h.channels), r.floats(deviation, h.channels);
    const int32_t count = r.number(1, 1 << 16);
    if (!r.ok() || !r.make(steps, count)) return;
    Shape shapes[MOST_SLOTS];
    for (int32_t i = 0; i < count && r.ok(); ++i) {
      read(r, steps[i], shapes);
      if (r.ok() && !follow(steps[i], shapes)) r.fail();
    }
    const Shape &last = shapes[h.result];
    const Extent wanted = h.kind == 2 ? Extent{0, 1, 1} : Extent{last.extent.level, 0, 0};
    if (!last.there || last.channels != h.outputs || !(last.extent == wanted)) r.fail();
    stride = h.kind == 2 ? 0 : 1 << wanted.level;
    if (!r.done()) r.fail();
  }

 private:
  static void read(Reader &r, Step &s, const Shape *shapes) {
    s.kind = r.number(STEM, IMAGE), s.out = r.number(0, MOST_SLOTS - 1);
    s.in = r.number(-1, MOST_SLOTS - 1), s.flag = r.number(0, 1);
    const bool reads = s.kind == CONV || s.kind == BLOCK || s.kind == NECK;
    if (reads && (s.in < 0 || !shapes[s.in].there)) return r.fail();
    if (s.kind == STEM) s.stem.read(r);
    if (s.kind == CONV) s.conv.read(r);
    if (s.kind == BLOCK) s.block.read(r, 0);
    if (s.kind == NECK) read_neck(r, s, shapes);
    if (s.kind > FREE) s.node.read(r, s.kind, s.in < 0 ? Shape{} : shapes[s.in]);
  }

  static void read_neck(Reader &r, Step &s, const Shape *shapes) {
    const int32_t count = r.number(0, MOST_COARSE), others = r.number(0, MOST_CHANNELS);
    s.block.read(r, others);
    const int32_t own = r.number(0, s.block.inputs);
    r.numbers(s.sampled, own, 0, s.block.inputs - 1);
    if (!r.ok() || !r.make(s.coarse, count)) return;
    int64_t seen = own, channels = 0;
    for (int32_t i = 0; i < count && r.ok(); ++i) {
      s.coarse[i].read(r, s.block);
      seen += s.coarse[i].sampled.size, channels += s.coarse[i].conv.inputs;
      const Shape &x = shapes[s.coarse[i].source];
      if (!r.ok() || !x.there || x.channels != s.coarse[i].conv.inputs ||
          x.extent.height || x.extent.level < shapes[s.in].extent.level)
        r.fail();
    }
    if (s.block.stride != 1 || channels != others || seen != s.block.transformer.plan.inputs) r.fail();
  }

  bool new_map(Shape *shapes, int32_t out, int32_t channels, const Extent &extent) {
    if (shapes[out].there || extent.level > MOST_LEVEL) return false;
    shapes[out] = {true, channels, extent};
    levels = std::max(levels, extent.level);
    return true;
  }

  bool follow(const Step &s, Shape *shapes) {
    Shape &out = shapes[s.out];
    const Shape in = s.in < 0 ? Shape{} : shapes[s.in];
    switch (s.kind) {
      case STEM:
        return s.stem.first.inputs == header.channels &&
               new_map(shapes, s.out, s.stem.second.outputs, {2, 0, 0});
      case IMAGE:
        return new_map(shapes, s.out, header.channels, {});
      case CONV:
        return s.conv.inputs == in.channels && s.conv.size / 2 <= header.gap &&
               new_map(shapes, s.out, s.conv.outputs,
                       s.conv.stride == 2 ? in.extent.halved() : in.extent);
      case NECK:
      case BLOCK:
        return follow_block(s, shapes, in, out);
      case FINISH:
        return out.there && s.out != s.in &&
               (s.in < 0 || (in.there && in.channels == out.channels && !out.extent.height &&
                             in.extent == out.extent.halved()));
      case FREE:
        if (!out.there) return false;
        out.there = false;
        return true;
    }
    Shape made;
    return s.node.follow(s.kind, s.flag, shapes, in, made) &&
           new_map(shapes, s.out, made.channels, made.extent);
  }

  bool follow_block(const Step &s, Shape *shapes, const Shape &in, const Shape &out) {
    const BlockLayer &b = s.block;
    const Extent extent = b.stride == 2 ? in.extent.halved() : in.extent;
    if (b.inputs != in.channels || b.size / 2 > header.gap || in.extent.height) return false;
    if (!s.flag) return new_map(shapes, s.out, b.outputs, extent);
    if (s.out == s.in && (b.hidden || b.residual.value.size || b.stride != 1)) return false;
    return out == Shape{true, b.outputs, extent} && out.there;
  }
};
