// Layers as the file of weights holds them: for no size of image yet.
#pragma once
#include "layers.h"
#include "reader.h"

constexpr int MOST_CHANNELS = 1 << 16, MOST_COARSE = 7, MOST_SLOTS = 64;

// Channels that any row of a matrix reads, and the place of each among them.
struct Used {
  Array<int32_t> channels, place;

  void find(Reader &r, const Matrix *const *matrices, int count, int32_t inputs, int taps) {
    Array<uint8_t> read;
    if (!r.make(read, inputs)) return;
    for (int m = 0; m < count; ++m)
      for (int64_t i = 0; i < matrices[m]->column.size; ++i)
        read[matrices[m]->column[i] / taps] = 1;
    int32_t live = 0;
    for (int32_t c = 0; c < inputs; ++c) live += read[c];
    if (!r.make(channels, live) || !r.make(place, inputs)) return;
    live = 0;
    for (int32_t c = 0; c < inputs; ++c)
      if (read[c]) place[c] = live, channels[live++] = c;
  }
};

struct ConvLayer {
  int32_t outputs, inputs, size, stride, positive;
  Matrix weight;
  Array<float> bias;
  Used used;

  void read(Reader &r) {
    outputs = r.number(1, MOST_CHANNELS), inputs = r.number(1, MOST_CHANNELS);
    size = r.number(1, 15), stride = r.number(1, 2), positive = r.number(0, 1);
    if (size % 2 == 0) return r.fail();
    r.floats(bias, outputs);
    r.matrix(weight, outputs, int64_t(inputs) * size * size);
    if (!r.ok()) return;
    const Matrix *all[] = {&weight};
    used.find(r, all, 1, inputs, size * size);
  }
};

struct TransformerLayer {
  Transformer plan{};
  Array<int32_t> channels, targets;
  Matrix matrices[14];
  Array<float> numbers[11];

  // Of a block of `inputs` and `outputs` channels; `sampled`: its neck samples them.
  void read(Reader &r, int32_t inputs, int32_t outputs) {
    Transformer &t = plan;
    t.tokens = r.number(1, 1 << 12), t.inputs = r.number(0, inputs);
    t.outputs = r.number(1, outputs);
    t.padded = (t.tokens + 15) / 16 * 16;
    r.numbers(channels, t.inputs, 0, inputs - 1), r.numbers(targets, t.outputs, 0, outputs - 1);
    t.channels = channels.data, t.targets = targets.data;
    Array<float> places, coordinates;
    r.floats(places, 2 * DIM), r.floats(coordinates, 3 * int64_t(t.tokens));
    t.bias = reals(r, 1, t.outputs);
    queries(r);
    if (!r.ok() || !r.make(numbers[0], int64_t(DIM) * t.tokens)) return;
    for (int32_t i = 0; i < t.tokens; ++i)
      for (int d = 0; d < DIM; ++d) {
        const float *c = coordinates.data + 3 * i;
        numbers[0][int64_t(i) * DIM + d] =
            double(c[0]) * places[d] + double(c[1]) * places[DIM + d] + double(c[2]);
      }
    t.start = numbers[0].data;
    t.input = rows(r, 0, t.tokens, t.inputs, DIM), t.output = rows(r, 1, t.outputs, t.tokens, DIM);
    layer(r, t.encoder, 2, 3), layer(r, t.decoder, 8, 7);
  }

  // Without its projections, as compacted networks have it; `targets`: tokens that are read.
  void read_layers(Reader &r) {
    Transformer &t = plan;
    t.tokens = r.number(1, 1 << 12), t.outputs = r.number(1, t.tokens);
    t.padded = (t.tokens + 15) / 16 * 16;
    r.numbers(targets, t.outputs, 0, t.tokens - 1);
    t.targets = targets.data;
    queries(r);
    if (r.ok()) layer(r, t.encoder, 2, 3), layer(r, t.decoder, 8, 7);
  }

 private:
  void queries(Reader &r) {
    Transformer &t = plan;
    Array<float> narrow;
    r.floats(narrow, int64_t(DIM) * t.tokens);
    if (!r.ok() || !r.make(numbers[2], int64_t(DIM) * t.padded)) return;
    for (int d = 0; d < DIM; ++d)
      for (int i = 0; i < t.tokens; ++i)
        numbers[2][int64_t(d) * t.padded + i] = narrow[int64_t(d) * t.tokens + i];
    t.queries = numbers[2].data;
  }

  const float *reals(Reader &r, int index, int64_t count) {
    r.floats(numbers[index], count);
    return numbers[index].data;
  }

  Rows rows(Reader &r, int index, int64_t count, int64_t columns, int32_t step) {
    Matrix &m = matrices[index];
    r.matrix(m, count, columns);
    for (int64_t i = 0; r.ok() && i < m.column.size; ++i) m.column[i] *= step;
    return {m.start.data, m.column.data, m.value.data};
  }

  void layer(Reader &r, Layer &l, int first, int number) {
    const int32_t step = plan.padded;
    l.attends = r.number(0, 1), l.feeds = r.number(0, 1);
    l.feedforward = r.number(0, 1 << 14);
    l.eps1 = r.real(), l.eps2 = r.real();
    l.query = rows(r, first, DIM, DIM, step), l.key = rows(r, first + 1, DIM, DIM, step);
    l.value = rows(r, first + 2, DIM, DIM, step), l.out = rows(r, first + 3, DIM, DIM, step);
    l.widen = rows(r, first + 4, l.feedforward, DIM, step);
    l.narrow = rows(r, first + 5, DIM, l.feedforward, step);
    l.scale1 = reals(r, number, DIM), l.shift1 = reals(r, number + 1, DIM);
    l.scale2 = reals(r, number + 2, DIM), l.shift2 = reals(r, number + 3, DIM);
  }
};

struct BlockLayer {
  int32_t inputs, outputs, hidden, constants, size, stride;
  Matrix expand, taps, project, residual, constant_taps, constant_project;
  Array<float> expand_bias, depthwise_bias, bias, constant_value, constant_bias;
  Used used;
  bool global = false;
  TransformerLayer transformer;

  // `all`: channels that its Transformer may read; where it is a neck's they are more than `inputs`.
  void read(Reader &r, int32_t others) {
    inputs = r.number(1, MOST_CHANNELS), outputs = r.number(1, MOST_CHANNELS);
    hidden = r.number(0, MOST_CHANNELS), constants = r.number(0, MOST_CHANNELS);
    size = r.number(1, 15), stride = r.number(1, 2), global = r.number(0, 1);
    if (size % 2 == 0) return r.fail();
    r.floats(expand_bias, hidden), r.floats(depthwise_bias, hidden), r.floats(bias, outputs);
    r.floats(constant_value, constants), r.floats(constant_bias, constants);
    r.matrix(expand, hidden, inputs), r.matrix(taps, hidden, size * size);
    r.matrix(project, outputs, hidden), r.matrix(residual, outputs, inputs);
    r.matrix(constant_taps, constants, size * size);
    r.matrix(constant_project, outputs, constants);
    if (!r.ok()) return;
    const Matrix *all[] = {&expand, &residual};
    used.find(r, all, 2, inputs, 1);
    if (global) transformer.read(r, inputs + others, outputs);
  }
};

struct StemLayer {
  ConvLayer first, second;
  Array<int32_t> inner;     // by channel between and phase: its number among those computed, or -1
  int32_t count = 0;

  void read(Reader &r) {
    first.read(r), second.read(r);
    if (!r.ok() || first.stride != 2 || second.stride != 2 || second.inputs != first.outputs)
      return r.fail();
    if (!r.make(inner, 4 * int64_t(first.outputs))) return;
    const int size = second.size;
    for (int64_t i = 0; i < second.weight.column.size; ++i) {
      const int32_t column = second.weight.column[i], tap = column % (size * size);
      inner[column / (size * size) * 4 + phase_of(tap, size)] = 1;
    }
    for (int64_t i = 0; i < inner.size; ++i) inner[i] = inner[i] ? count++ : -1;
  }

  static int phase_of(int tap, int size) {
    return (tap / size - size / 2 & 1) * 2 + (tap % size - size / 2 & 1);
  }
};

// A coarser input of a neck.
struct CoarseLayer {
  int32_t source;
  bool adds;  // whether anything is added
  ConvLayer conv;
  Array<int32_t> hidden, outputs, sampled;

  void read(Reader &r, const BlockLayer &b) {
    source = r.number(0, MOST_SLOTS - 1), adds = r.number(0, 1);
    const int32_t channels = r.number(1, MOST_CHANNELS), count = r.number(0, channels);
    r.numbers(sampled, count, 0, channels - 1);
    if (!adds) return void(conv.inputs = channels);
    conv.read(r);
    if (!r.ok() || conv.inputs != channels || conv.size != 1 || conv.stride != 1) return r.fail();
    r.numbers(hidden, b.hidden, -1, conv.outputs - 1);
    r.numbers(outputs, b.outputs, -1, conv.outputs - 1);
  }
};
