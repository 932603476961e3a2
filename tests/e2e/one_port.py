#!/usr/bin/env python3
"""One port, clear or TLS, answers HTTP/1.1 and HTTP/2 alike: curl asks the same in every way it can."""
import base64
import gzip
import json
import os
import shutil
import socket
import ssl
import subprocess

import lib  # noqa: F401
import world as W
from tap import check, equal, note, skip, story

TOPIC = '/v1/projects/p/topics/ways'
SUBSCRIPTION = '/v1/projects/p/subscriptions/ways'


def make_certificate(w):
    """A certificate that signs itself: curl is told to trust it."""
    cert, key = w.path('cert.pem'), w.path('key.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
                    '-keyout', key, '-out', cert, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return cert, key


class Way:
    """One way to ask: protocol and port."""

    def __init__(self, w, name, flags, base, version):
        self.w, self.name, self.flags, self.base, self.version = w, name, flags, base, version

    def ask(self, method, path, body=None, *more):
        """(status, body); the protocol is checked at each."""
        argv = ['curl', '-sS', '--noproxy', '*', '--max-time', '60', '-X', method, '-w', '\n%{http_version} %{http_code}',
                '-H', 'Content-Type: application/json', *self.flags, *more]
        if body is not None:
            with open(self.w.path('body'), 'wb') as f:
                f.write(body)
            argv += ['--data-binary', '@' + self.w.path('body')]
        done = subprocess.run(argv + [self.base + path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              env=W.environment())
        if done.returncode != 0:
            note('%s %s: curl says %s' % (method, path, done.stderr.decode('utf-8', 'replace')))
            return 0, b''
        text, _, last = done.stdout.rpartition(b'\n')
        version, status = last.decode().split()
        if version != self.version:
            note('%s: spoke HTTP/%s' % (self.name, version))
            return 0, text
        return int(status), text


def publish_body(data):
    return json.dumps({'messages': [{'data': base64.b64encode(data).decode()}]}).encode()


LARGE = os.urandom(5 << 20)
PUBLISH = publish_body(LARGE)
PACKED = gzip.compress(PUBLISH, 1)
TOO_MUCH = bytes(40 << 20)
BOMB = gzip.compress(bytes(100 << 20), 1)


def pull_one(way):
    status, text = way.ask('POST', SUBSCRIPTION + ':pull', b'{"maxMessages": 1}')
    got = json.loads(text).get('receivedMessages', []) if status == 200 else []
    for m in got:
        way.ask('POST', SUBSCRIPTION + ':acknowledge', json.dumps({'ackIds': [m['ackId']]}).encode())
    return base64.b64decode(got[0]['message'].get('data', '')) if got else None


def ask_everything(way):
    def told(ok, what, detail=''):
        check(ok, '%s: %s' % (way.name, what), detail)

    status, text = way.ask('PUT', TOPIC, b'{}')
    told(status == 200, 'a topic is made', text)
    status, text = way.ask('PUT', SUBSCRIPTION, json.dumps({'topic': TOPIC[4:]}).encode())
    told(status == 200, 'and a subscription', text)
    status, text = way.ask('GET', '/v1/projects/p/topics/none')
    told(status == 404 and 'error' in json.loads(text), 'what is not there is 404 in JSON', text)
    status, text = way.ask('HEAD', '/v1/projects/p/topics/none', None, '--head')
    told(status in (404, 405), 'HEAD has no body', status)
    for what, body, more in (
            ('as it is', PUBLISH, ()),
            ('chunked', PUBLISH, ('-H', 'Transfer-Encoding: chunked')),
            ('in gzip', PACKED, ('-H', 'Content-Encoding: gzip')),
            ('after 100-continue', PUBLISH, ('-H', 'Expect: 100-continue'))):
        status, text = way.ask('POST', TOPIC + ':publish', body, *more)
        told(status == 200, '7 MB go up ' + what, text[:300])
        told(pull_one(way) == LARGE, 'and come down unchanged')
    status, text = way.ask('POST', TOPIC + ':publish', BOMB, '-H', 'Content-Encoding: gzip')
    told(status == 413, '100 MB of zeros in gzip are refused', status)
    status, text = way.ask('POST', TOPIC + ':publish', TOO_MUCH)
    told(status == 413, 'so are 40 MB as they are', status)
    status, text = way.ask('POST', TOPIC + ':publish', b'no gzip', '-H', 'Content-Encoding: gzip')
    told(status == 400, 'what is no gzip is 400', status)
    status, text = way.ask('GET', TOPIC, None, '-H', 'X-Long: ' + 'x' * 60000)
    told(status == 200, 'long headers pass', status)
    status, text = way.ask('GET', TOPIC, None, '-H', 'X-Long: ' + 'x' * 70000)
    # Over HTTP/2 the connection may be ended instead (RFC 9113, 10.5.1).
    told(status == 431 or (way.version == '2' and status == 0), 'too long ones do not', status)
    status, text = way.ask('GET', TOPIC)
    told(status == 200, 'and the port still answers', status)
    way.ask('DELETE', SUBSCRIPTION)
    way.ask('DELETE', TOPIC)


def speak(port, data, context=None):
    """All that the port says to some bytes, up to its close."""
    with socket.create_connection(('127.0.0.1', port), 20) as plain:
        s = context.wrap_socket(plain, server_hostname='localhost') if context else plain
        s.sendall(data)
        said = b''
        try:
            while True:
                more = s.recv(65536)
                if not more:
                    return said
                said += more
        except (ConnectionError, ssl.SSLError):
            return said


def raw_input(port, context, name):
    three = b''.join(b'GET /v1/projects/p/topics/none%d HTTP/1.1\r\nHost: h\r\n%s\r\n' % (i, b'Connection: close\r\n' if i == 3 else b'')
                     for i in (1, 2, 3))
    said = speak(port, three, context)
    equal(said.count(b'HTTP/1.1 404'), 3, name + ': pipelined requests are all answered')
    for what, data in (('two lengths', b'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'),
                       ('length and chunks', b'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
                       ('a bare line feed', b'GET / HTTP/1.1\nHost: h\n\n'), ('noise', b'\x00\x01\x02\r\n\r\n')):
        said = speak(port, data, context)
        check(said.startswith(b'HTTP/1.1 400 ') and said.count(b'HTTP/1.1') == 1, '%s: %s: 400, and the end' % (name, what), said[:200])


with story():
    if not shutil.which('curl'):
        skip('curl', 'no curl on this machine')
    else:
        with W.World(durable=False) as w:
            clear = 'http://127.0.0.1:%d' % w.port
            ask_everything(Way(w, 'clear HTTP/1.1', ['--http1.1'], clear, '1.1'))
            ask_everything(Way(w, 'clear HTTP/2', ['--http2-prior-knowledge'], clear, '2'))
            raw_input(w.port, None, 'clear')
            equal(w.cloud.stop(), 0, 'the cloud ends in order')
        w = W.World(durable=False)
        cert, key = make_certificate(w)
        w.cloud_args = ['--tls-cert', cert, '--tls-key', key]
        with w:
            # The certificate is for "localhost"; the port is on 127.0.0.1 alone.
            flags = ['--cacert', cert, '--resolve', 'localhost:%d:127.0.0.1' % w.port]
            tls = 'https://localhost:%d' % w.port
            ask_everything(Way(w, 'TLS HTTP/1.1', flags + ['--http1.1'], tls, '1.1'))
            ask_everything(Way(w, 'TLS HTTP/2', flags + ['--http2'], tls, '2'))
            raw_input(w.port, ssl.create_default_context(cafile=cert), 'TLS')
            said = speak(w.port, b'GET / HTTP/1.1\r\nHost: h\r\n\r\n')
            check(b'HTTP/1.1 200' not in said, 'a clear request to a TLS port gets nothing', said)
            equal(w.cloud.stop(), 0, 'the cloud ends in order')
