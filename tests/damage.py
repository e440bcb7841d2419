"""Small tickets, and ways to damage files and contents, for fuzzing."""
import functools

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from tiny import BACKBONE, NECK, TinySegmentor

from mmst.pruning.mask import Mask
from mmst.tickets import Ticket

MODEL = dict(type='TinySegmentor', backbone=dict(BACKBONE, channels=((4, ), ), depths=((1, ), )),
             neck=dict(NECK, in_channels=(4, )))


def cases(number):
    """That many cases, the same ones each time."""
    return settings(max_examples=number, derandomize=True, deadline=None, database=None,
                    suppress_health_check=list(HealthCheck))


@functools.cache
def small_ticket():
    """A ticket of a whole network of one block and a head."""
    torch.manual_seed(0)
    model = TinySegmentor(MODEL['backbone'], MODEL['neck'])
    weights = {n: p for n, p in model.named_parameters() if p.dim() > 1 and 'classifier' not in n}
    mask = Mask({name: torch.rand_like(p) < 0.5 for name, p in weights.items()})
    meta = dict(step=3, sparsity=mask.sparsity, survivors=dict(a=[0, 2]), classes=['a', 'b'])
    return Ticket.from_model(model, MODEL, mask, meta)


def flip(data, places):
    for place, bit in places:
        data[place % len(data)] ^= 1 << bit
    return data


def overwrite(data, place, new):
    place %= len(data)
    data[place:place + len(new)] = new
    return data


def insert(data, place, new):
    place %= len(data)
    data[place:place] = new
    return data


def cut(data, place, length):
    place %= len(data)
    del data[place:place + length]
    return data


PLACE = st.one_of(st.integers(0, 10**7), st.integers(-3000, 3000))
DAMAGE = st.one_of(
    st.builds(lambda places: functools.partial(flip, places=places),
              st.lists(st.tuples(PLACE, st.integers(0, 7)), min_size=1, max_size=3)),
    st.builds(lambda place, new: functools.partial(overwrite, place=place, new=new),
              PLACE, st.binary(min_size=1, max_size=64)),
    st.builds(lambda place, new: functools.partial(insert, place=place, new=new),
              PLACE, st.binary(min_size=1, max_size=64)),
    st.builds(lambda place, length: functools.partial(cut, place=place, length=length),
              PLACE, st.integers(1, 10**4)),
    st.builds(lambda place: lambda data: data[:place % len(data)], PLACE))


def content_of(ticket):
    return dict(model=ticket.model, state_dict=dict(ticket.state_dict), mask=dict(ticket.mask),
                meta=ticket.meta)
