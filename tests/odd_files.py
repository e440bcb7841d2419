"""Files and names that a hostile user may give in the place of a file that is read."""
import os
import zipfile

#: Names that no file has.
NAMES = dict(long='x' * 300, longer='x' * 5000, longest='x' * 100_000, empty_name='', nul='a\0b',
             no_utf8='x\udcff.pth', lines='no\nfile\x1b[31m.pth')


def make_odd(folder, whole):
    """Return the paths of odd files, by kind.

    Args:
        folder (Path): For all of them.
        whole (Path): A good file, of which one holds the first half.
    """
    def write(name, content):
        (folder / name).write_bytes(content)
        return folder / name

    os.mkfifo(folder / 'pipe.pth')
    (folder / 'loop.pth').symlink_to(folder / 'loop.pth')
    (folder / 'folder.pth').mkdir()
    with open(folder / 'hole.pth', 'wb') as file:
        file.truncate(2**40)
    with zipfile.ZipFile(folder / 'bomb.pth', 'w', zipfile.ZIP_DEFLATED) as bomb, \
            bomb.open('archive/data.pkl', 'w', force_zip64=True) as part:
        for _ in range(64):
            part.write(bytes(1 << 20))
    found = dict(
        null='/dev/null', zero='/dev/zero', pipe=folder / 'pipe.pth', loop=folder / 'loop.pth',
        folder=folder / 'folder.pth', hole=folder / 'hole.pth', bomb=folder / 'bomb.pth',
        unreadable='/proc/self/mem',  # a regular file, to root, too
        full='/dev/full', system='/proc/self', unmade='/proc/self/new.pth',
        empty=write('empty.pth', b''), cut=write('cut.pth', whole[:len(whole) // 2]),
        text=write('text.pth', b'hello'), deep=write('deep.json', b'[' * 10**5),
        picture=write('picture.pth', b'\x89PNG\r\n\x1a\n' + bytes(100)),
        signs=write('a\nb\x1b[31m.pth', b'x'))
    return {**{kind: str(path) for kind, path in found.items()}, **NAMES}
