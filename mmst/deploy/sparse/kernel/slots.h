// Memory of the maps between steps: each lies in the first gap that it fits in.
#pragma once
#include "layouts.h"

class Slots {
 public:
  Map maps[MOST_SLOTS];

  // Without a base the maps are placed, not there.
  explicit Slots(float *base) : base_(base) {}

  void make(int slot, const Layout &layout, int channels) {
    const int64_t floats = layout.plane() * channels;
    int64_t at = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (int i = 0; i < MOST_SLOTS; ++i)
        if (end_[i] > at && begin_[i] < at + floats) at = end_[i], moved = true;
    }
    begin_[slot] = at, end_[slot] = at + floats;
    most_ = std::max(most_, end_[slot]);
    maps[slot] = map_of(base_ ? base_ + at : nullptr, layout, channels);
  }

  void free(int slot) { begin_[slot] = end_[slot] = 0; }
  int64_t most() const { return most_; }

 private:
  float *base_;
  int64_t begin_[MOST_SLOTS] = {}, end_[MOST_SLOTS] = {}, most_ = 0;
};
