// Steps and the shapes of maps between them, for images of any size.
#pragma once
#include "reader.h"

enum Kind {
  STEM = 1, CONV, BLOCK, NECK, FINISH, FREE, MEAN, GATHER, ADD, SHIFT, RESIZE, VALUES, ONES, MIXER, IMAGE
};

constexpr int MOST_LEVEL = 16;

// How often the image's height and width are halved; or, where `height` is not 0, these sizes.
struct Extent {
  int32_t level = 0, height = 0, width = 0;

  void read(Reader &r) {
    level = r.number(0, MOST_LEVEL), height = r.number(0, 4096);
    width = r.number(height ? 1 : 0, height ? 4096 : 0);
    if (height && level) r.fail();
  }
  bool operator==(const Extent &o) const {
    return level == o.level && height == o.height && width == o.width;
  }
  Extent halved() const {
    return height ? Extent{0, (height + 1) / 2, (width + 1) / 2} : Extent{level + 1, 0, 0};
  }
};

struct Shape {
  bool there = false;
  int32_t channels = 0;
  Extent extent;

  bool operator==(const Shape &o) const { return channels == o.channels && extent == o.extent; }
};
