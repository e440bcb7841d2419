"""A model hub on this machine: the part of its protocol that uploads and downloads of files use.

``serve()`` runs it in a thread; clients find it by HF_ENDPOINT, which they read when they are
imported.
"""
import base64
import contextlib
import hashlib
import json
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

COMMIT = 'c' * 40


class Hub:
    """Keeps repositories in memory.

    Attributes:
        repositories (dict): ``user/name`` to file name to bytes.
        cuts (list): Bytes after which the next downloads break off, one after the other.
        tamper (bool): Downloads differ by one bit from what their digest says.
        closed (bool): It lets nobody in.
    """

    def __init__(self):
        self.repositories, self.stored = {}, {}
        self.cuts, self.tamper, self.closed = [], False, False
        self.requests, self.address = [], None


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_):
        """Nothing is printed."""

    @property
    def hub(self):
        return self.server.hub

    def body(self):
        return self.rfile.read(int(self.headers.get('Content-Length') or 0))

    def answer(self, status, content=b'', **headers):
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', headers.pop('length', None) or str(len(data)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(data)

    def refuse(self, status, code):
        self.answer(status, dict(error=code), X_Error_Code=code, X_Error_Message=code)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.hub.requests.append((self.command, self.path))
        if self.hub.closed:
            return self.answer(403)
        found = re.fullmatch(r'/([^/]+/[^/]+)/resolve/([^/]+)/(.+)',
                             urllib.parse.unquote(self.path).partition('?')[0])
        if found is None:
            return self.refuse(404, 'RepoNotFound')
        name, revision, file = found.groups()
        if name not in self.hub.repositories:
            return self.refuse(401, 'RepoNotFound')
        if revision not in ('main', COMMIT):
            return self.refuse(404, 'RevisionNotFound')
        if file not in self.hub.repositories[name]:
            return self.refuse(404, 'EntryNotFound')
        data = self.hub.repositories[name][file]
        etag = f'"{hashlib.sha256(data).hexdigest()}"'
        if self.hub.tamper:
            data = data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]
        self.send_file(data, etag)

    def send_file(self, data, etag):
        begin = int(re.match(r'bytes=(\d+)-', self.headers.get('Range') or 'bytes=0-').group(1))
        self.send_response(206 if begin else 200)
        for key, value in (('ETag', etag), ('X-Repo-Commit', COMMIT), ('Accept-Ranges', 'bytes'),
                           ('Content-Length', str(len(data) - begin)),
                           ('Content-Range', f'bytes {begin}-{len(data) - 1}/{len(data)}')):
            self.send_header(key, value)
        self.end_headers()
        if self.command == 'HEAD':
            return
        length = self.hub.cuts.pop(0) if self.hub.cuts else len(data)
        self.wfile.write(data[begin:begin + length])
        self.close_connection = length < len(data)

    def do_PUT(self):
        self.hub.requests.append(('PUT', self.path))
        self.hub.stored[self.path.rpartition('/')[2]] = self.body()
        self.answer(200)

    def do_POST(self):
        self.hub.requests.append(('POST', self.path))
        data = self.body()
        if self.headers.get('Authorization') != 'Bearer hf_test':
            return self.refuse(401, 'Unauthorized')
        if self.path == '/api/repos/create':
            return self.create(json.loads(data))
        if self.path == '/api/validate-yaml':
            front = yaml.safe_load(json.loads(data)['content'].split('---')[1])
            return self.answer(200, dict(errors=[] if isinstance(front, dict) else [
                dict(message='no front matter')], warnings=[]))
        for pattern, act in ((r'/api/models/(.+)/preupload/main', self.preupload),
                             (r'/(.+)\.git/info/lfs/objects/batch', self.batch),
                             (r'/api/models/(.+)/commit/main', self.commit)):
            found = re.fullmatch(pattern, urllib.parse.unquote(self.path).partition('?')[0])
            if found:
                return act(found.group(1), data)
        self.refuse(404, 'RepoNotFound')

    def create(self, wanted):
        name = f'{wanted.get("organization") or "user"}/{wanted["name"]}'
        status = 409 if name in self.hub.repositories else 200
        self.hub.repositories.setdefault(name, {})
        self.answer(status, dict(url=f'{self.hub.address}/{name}', name=name, id=name))

    def preupload(self, name, data):
        self.answer(200, dict(files=[
            dict(path=file['path'], shouldIgnore=False,
                 uploadMode='lfs' if file['path'].endswith('.safetensors') else 'regular')
            for file in json.loads(data)['files']]))

    def batch(self, name, data):
        self.answer(200, dict(transfer='basic', objects=[
            dict(item, actions=dict(upload=dict(href=f'{self.hub.address}/store/{item["oid"]}')))
            for item in json.loads(data)['objects']]))

    def commit(self, name, data):
        for line in map(json.loads, data.splitlines()):
            value = line['value']
            if line['key'] == 'file':
                content = base64.b64decode(value['content'])
            elif line['key'] == 'lfsFile':
                content = self.hub.stored[value['oid']]
                assert hashlib.sha256(content).hexdigest() == value['oid']
            else:
                continue
            self.hub.repositories[name][value['path']] = content
        self.answer(200, dict(commitUrl=f'{self.hub.address}/{name}/commit/{COMMIT}',
                              commitOid=COMMIT, commitMessage='', success=True))


@contextlib.contextmanager
def serve():
    """A hub; ``.address`` is its HF_ENDPOINT."""
    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.hub = hub = Hub()
    hub.address = f'http://127.0.0.1:{server.server_port}'
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
