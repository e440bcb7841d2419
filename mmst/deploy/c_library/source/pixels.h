// From the caller's image to the network's input, and from scores to labels.
#pragma once
#include "layouts.h"
#include "network.h"
#include "ticket.h"

INLINE float pixel(const ticket_image &image, int64_t at) {
  return image.type == TICKET_UINT8 ? static_cast<const uint8_t *>(image.data)[at]
                                    : static_cast<const float *>(image.data)[at];
}

// `out`: (channels, height, width), the network's size; `room`: Samples of its width.
inline void fill_input(const Network &n, const ticket_image &image, int options, int height, int width,
                       float *room, float *out) {
  const bool resizes = height != image.height || width != image.width;
  const bool reversed = n.header.channels == 3 && (n.header.swaps != 0) != ((options & TICKET_BGR) != 0);
  const Samples across(image.width, width, room);
  for (int c = 0; c < n.header.channels; ++c) {
    const int64_t plane = (reversed ? n.header.channels - 1 - c : c) * image.channel;
    const bool normalises = options & TICKET_NORMALISE;
    const float mean = normalises ? n.mean[c] : 0, deviation = normalises ? n.deviation[c] : 1;
    for (int y = 0; y < height; ++y) {
      int top, bottom;
      float share;
      sample_at(y, image.height, height, top, bottom, share);
      const int64_t above = plane + top * image.row, below = plane + bottom * image.row;
      if (!resizes && !normalises && image.type == TICKET_FLOAT32 && image.column == 1) {
        std::memcpy(out, static_cast<const float *>(image.data) + above, sizeof(float) * width);
        out += width;
        continue;
      }
      for (int x = 0; x < width; ++x, ++out) {
        float value;
        if (!resizes)
          value = pixel(image, above + x * image.column);
        else {
          const int64_t left = across.low[x] * image.column, right = across.high[x] * image.column;
          const float part = across.share[x];
          const float a = pixel(image, above + left), b = pixel(image, above + right);
          const float d = pixel(image, below + left), e = pixel(image, below + right);
          const float upper = a + part * (b - a), lower = d + part * (e - d);
          value = upper + share * (lower - upper);
        }
        *out = normalises ? (value - mean) / deviation : value;
      }
    }
  }
}

// The class of each pixel: the largest of the scores, resized to the image's size (bilinear), or
// whether the only one is above the threshold. `room`: Samples of its width and three rows of it.
inline void write_labels(const Header &h, const Map &scores, int height, int width, float *room, uint8_t *labels,
                         int64_t label_row) {
  const Samples across(scores.width, width, room, h.aligned);
  float *above = room + Samples::floats(width), *under = above + width, *best = under + width;
  for (int y = 0; y < height; ++y) {
    int top, bottom;
    float share;
    (h.aligned ? sample_aligned : sample_at)(y, scores.height, height, top, bottom, share);
    uint8_t *row = labels + y * label_row;
    for (int c = 0; c < scores.channels; ++c) {
      const float *plane = scores.data + c * scores.plane;
      across.resize(plane + int64_t(top) * scores.stride, above);
      across.resize(plane + int64_t(bottom) * scores.stride, under);
      for (int x = 0; x < width; ++x) {
        const float value = above[x] + share * (under[x] - above[x]);
        if (!c || value > best[x]) best[x] = value, row[x] = c;
      }
    }
    for (int x = 0; h.thresholds && x < width; ++x) row[x] = best[x] > h.threshold;
  }
}
