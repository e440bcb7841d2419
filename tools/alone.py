"""Run a command under a lock: while somebody else holds it, say who, and wait.

    alone.py [--shared] LOCK NAME COMMAND [ARGUMENT ...]

For the Makefile: it needs Python alone. Several calls may hold a lock together with --shared. The
command takes this process's place, and its children hold the lock, too: it ends with the last of
them, however that ends. LOCK holds the name of the last one that took it.
"""
import os
import sys
import time

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None


def main(words):
    """Take the lock, then become the command."""
    shared = words[:1] == ['--shared']
    lock, name, command = words[shared], words[shared + 1], words[shared + 2:]
    if fcntl is not None:
        hold(lock, name, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    os.execvp(command[0], command)


def hold(path, name, kind):
    """Take the lock of a file; returns when this process has it.

    On a file system without locks a warning is printed, and nobody has to wait.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(descriptor, 200).decode(errors='replace').strip() or 'another call'
            print(f'{name}: waits for {owner} to end', file=sys.stderr, flush=True)
            fcntl.flock(descriptor, kind)
    except OSError as error:
        print(f'{name}: {path} cannot be locked ({error.strerror}); do not run two at once',
              file=sys.stderr,
              flush=True)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, '{} (process {}, since {})'.format(
        name, os.getpid(), time.strftime('%H:%M:%S')).encode(), 0)
    os.set_inheritable(descriptor, True)


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(130)
