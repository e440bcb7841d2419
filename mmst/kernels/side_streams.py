"""Runs independent paths of a network side by side on a GPU."""
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

#: Streams that one fork uses at most: cuBLAS keeps a workspace for each, of up to 32 MiB.
MOST = 8


class SideStreams:
    """Forks a pass over several streams while it is warmed up and captured as a CUDA graph.

    In a graph, paths on several streams are branches that the GPU may run at the same time: most
    kernels of a supernet are too small to fill it. Outside of ``within`` the paths run in order.

    The backward pass forks by itself: autograd runs each operator's backward on the stream of its
    forward, lets streams wait for each other where gradients pass from one to another, and marks
    these gradients. It does not mark what the forward pass has saved. So each tensor that passes
    from one stream to another is marked here (``record_stream``): during a capture the allocator
    then does not hand out its memory again, at the cost of more memory in the graph.

    Each place of a fork has its own stream, forks within forks too, and always the same one: so the
    warm-up allocates cuBLAS's workspaces of all streams outside of the graph's memory.
    """

    def __init__(self) -> None:
        self._streams: dict[tuple[int, ...], Any] = {}
        self._place: tuple[int, ...] = ()
        self._open = False

    def __reduce__(self):
        return SideStreams, ()  # a copy of a network captures for itself

    @staticmethod
    def obstacle() -> str | None:
        """Return why the process cannot fork in captures, or None.

        CUDA's own pools free memory by a stream of theirs, which a capture would have to join.
        """
        backend = torch.cuda.get_allocator_backend()
        return None if backend == 'native' else f'the allocator is {backend}'

    def within(self, run: Callable[[], Any]) -> Callable[[], Any]:
        """Return ``run`` with its paths side by side, after which no stream is left behind."""

        def run_forked() -> Any:
            self._open = True
            try:
                return run()
            finally:
                self._open, self._place = False, ()
                self._join()

        return run_forked

    def __call__(self, paths: Sequence[tuple[Callable[[Tensor], Tensor], Tensor]]
                 ) -> list[Tensor]:
        """Return each function's value of its tensor; the first one runs on the current stream.

        They are started in their order, so that they draw random numbers as they do in a row.
        """
        if not self._open or len(paths) < 2:
            return [run(x) for run, x in paths]
        here, forked = torch.cuda.current_stream(), torch.cuda.Event()
        forked.record(here)
        place, used, found = self._place, {}, []
        try:
            for i, (run, x) in enumerate(paths):
                self._place = (*place, i % MOST)
                if i % MOST == 0:
                    found.append(run(x))
                    continue
                side = used[self._place] = self._stream(self._place)
                side.wait_event(forked)
                _mark(x, side)
                with torch.cuda.stream(side):
                    found.append(run(x))
                _mark(found[-1], here)
        finally:  # after an error, too: a capture cannot end before its streams have met
            self._place = place
            for side in used.values():
                here.wait_stream(side)
        return found

    def _stream(self, place: tuple[int, ...]) -> Any:
        if place not in self._streams:
            self._streams[place] = torch.cuda.Stream()
        return self._streams[place]

    def _join(self) -> None:
        """Let the current stream wait for the others; in a capture, for those that are still in it.

        Such are left where a backward pass fails, e.g. for want of memory: a capture would then
        end with another error, after which torch cannot go on.
        """
        here, capturing = torch.cuda.current_stream(), torch.cuda.is_current_stream_capturing()
        for side in self._streams.values():
            with torch.cuda.stream(side):
                joins = not capturing or torch.cuda.is_current_stream_capturing()
            if joins:
                here.wait_stream(side)


def _mark(x: Tensor, stream: Any) -> None:
    if x.is_cuda:
        x.record_stream(stream)
