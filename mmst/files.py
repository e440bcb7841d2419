"""Writing files whole or not at all."""
import os
from pathlib import Path
from typing import Union

from mmengine.fileio import LocalBackend, register_backend


def write_bytes(path: Union[str, Path], data: bytes) -> None:
    """Write beside, then rename: ``path`` holds its old or its new content, never half of it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f'.{path.name}.{os.getpid()}.tmp')
    try:
        with open(beside, 'wb') as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


class AtomicBackend(LocalBackend):
    """mmengine's local file backend with whole writes."""

    def put(self, obj, filepath) -> None:
        write_bytes(filepath, obj if isinstance(obj, bytes) else obj.getvalue())

    def put_text(self, obj: str, filepath, encoding: str = 'utf-8') -> None:
        write_bytes(filepath, obj.encode(encoding))


register_backend('mmst_atomic', AtomicBackend, force=True)
