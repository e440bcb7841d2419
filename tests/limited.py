"""Functions run in a forked process whose memory and time are bounded."""
import os
import pickle
import resource
import select
import signal
import traceback

MB = 1 << 20


def limited(function, *arguments, memory=256 * MB, seconds=60):
    """Return ``function(*arguments)``, called where it may take ``memory`` more bytes of addresses.

    Raises:
        AssertionError: It failed, ran out of time, or the process died.
    """
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        os.close(reader)
        _answer(writer, function, arguments, memory)
    os.close(writer)
    try:
        data = _read(reader, seconds)
    finally:
        os.close(reader)
        os.kill(process, signal.SIGKILL)
        _, status = os.waitpid(process, 0)
    assert data is not None, f'no answer within {seconds} s'
    assert data, f'the process died ({status})'
    answer, problem = pickle.loads(data)
    assert problem is None, problem
    return answer


def _answer(writer, function, arguments, memory):
    try:
        with open('/proc/self/statm') as file:
            pages = int(file.read().split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        answer = function(*arguments), None
    except BaseException:
        answer = None, traceback.format_exc()
    with os.fdopen(writer, 'wb') as file:
        pickle.dump(answer, file)
    os._exit(0)


def _read(reader, seconds):
    """All that comes; None where it does not come in time."""
    found = b''
    while select.select([reader], [], [], seconds)[0]:
        more = os.read(reader, 1 << 16)
        if not more:
            return found
        found += more
    return None
