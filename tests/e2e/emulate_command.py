#!/usr/bin/env python3
"""The local cloud on the command line: what it says, what it refuses, how it ends, what points clients to it."""
import json
import os
import signal
import socket
import sqlite3
import subprocess
import tempfile
import urllib.error
import urllib.request

import lib  # noqa: F401
from tap import check, equal, story, wait_for

BINARY = os.environ['HL7RELAY']


class Emulate:
    """One process; `port` once it has said that it listens."""

    def __init__(self, *args):
        self.process = subprocess.Popen([BINARY, 'emulate', '--host-port', '127.0.0.1:0', *args],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.first_line = self.process.stdout.readline().rstrip('\n')
        self.port = int(self.first_line.split()[-1]) if self.first_line else 0

    def ask(self, method, path, body=None):
        request = urllib.request.Request('http://127.0.0.1:%d%s' % (self.port, path), method=method,
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.communicate(timeout=60)
        return self.process.returncode


def refused(*args):
    done = subprocess.run([BINARY, 'emulate', '--host-port', '127.0.0.1:0', *args], capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stderr.strip()


TOPIC, SUB = '/v1/projects/p/topics/top', '/v1/projects/p/subscriptions/sub'

with story(), tempfile.TemporaryDirectory() as top:
    kept = os.path.join(top, 'cloud')
    e = Emulate('--data-dir', kept)
    equal(e.first_line, 'Server started, listening on %d' % e.port, 'it says that it listens, as the emulator does')
    equal(e.ask('GET', '/'), (200, 'Ok\n'), 'GET /')
    equal([e.ask('GET', path) for path in ('/healthz', '/livez', '/readyz', '/startupz')], [(200, 'ok\n')] * 4, 'what orchestrators ask')
    equal(e.ask('GET', '/no/such/path')[0], 404, 'an unknown path')
    e.ask('PUT', TOPIC, {})
    e.ask('PUT', SUB, {'topic': 'projects/p/topics/top'})
    status, published = e.ask('POST', TOPIC + ':publish', {'messages': [{'data': 'aGk='}]})
    check(status == 200 and len(json.loads(published)['messageIds'][0]) == 16, 'publish')

    code, said = refused('--data-dir', kept)
    check(code == 78 and 'is in use by another process' in said, 'a directory in use is refused: ' + said)
    equal(e.end(signal.SIGKILL), -signal.SIGKILL, 'SIGKILL')
    e = Emulate('--data-dir', kept)
    equal(e.ask('GET', SUB + ':backlog?prettyPrint=false'), (200, '{"unacked":"1","leased":"0"}'), 'what was confirmed outlives SIGKILL')

    waiting = socket.create_connection(('127.0.0.1', e.port))
    body = b'{"maxMessages":1}'
    e.ask('POST', SUB + ':pull', {'maxMessages': 1})
    waiting.sendall(b'POST %s:pull HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s' % (SUB.encode(), len(body), body))
    wait_for('the lease', lambda: '"leased": "1"' in e.ask('GET', SUB + ':backlog')[1])
    equal(e.end(), 0, 'SIGTERM ends it with 0, a waiting pull or not')
    check(b'503' in waiting.recv(4096).split(b'\r\n')[0], 'and the pull that waited is answered UNAVAILABLE')
    waiting.close()

    database = sqlite3.connect(os.path.join(kept, 'cloud.db'))
    database.execute('PRAGMA user_version=99')
    database.close()
    code, said = refused('--data-dir', kept)
    check(code == 78 and 'written by a newer hl7relay' in said, 'a newer schema is refused: ' + said)

    occupied = socket.socket()
    occupied.bind(('127.0.0.1', 0))
    occupied.listen()
    done = subprocess.run([BINARY, 'emulate', '--host-port', '127.0.0.1:%d' % occupied.getsockname()[1]],
                          capture_output=True, text=True, timeout=60)
    check(done.returncode not in (0, -6, -11) and str(occupied.getsockname()[1]) in done.stderr,
          'an occupied port is refused by name: ' + done.stderr.strip())

    for bad in (['--host-port', 'nonsense'], ['--host-port', '127.0.0.1:99999'], ['--tls-cert', 'x.pem'], ['nonsense']):
        code, said = refused(*bad)
        check(code == 64 and said.count('\n') == 0, 'refused with one line: ' + said)
    code, said = refused('--fault', 'nonsense')
    check(code != 0 and 'fault rule' in said, 'a fault rule that cannot be read: ' + said)

    rules = os.path.join(top, 'rules')
    with open(rules, 'w') as f:
        f.write('{"rules": []}')
    e = Emulate('--fault-file', rules)
    equal(e.ask('POST', '/v1/projects/p/locations/l/datasets?datasetId=d', {})[0], 200, 'a dataset, without faults')
    with open(rules, 'w') as f:
        f.write('{"rules": ["stores:503"]}')
    e.process.send_signal(signal.SIGHUP)
    wait_for('the rule', lambda: e.ask('GET', '/v1/projects/p/locations/l/datasets/d')[0] == 503)
    equal(e.end(signal.SIGINT), 0, 'SIGINT ends it with 0 too')

    done = subprocess.run([BINARY, 'emulate', 'env-init', '--host-port', '0.0.0.0:4711'], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    check(all(line.startswith('export ') for line in lines), 'env-init: stdout is for eval')
    check('export PUBSUB_EMULATOR_HOST=127.0.0.1:4711' in lines, 'env-init: Pub/Sub clients')
    check('export METADATA_SERVER_DETECTION=none' in lines, 'env-init: Node looks for no metadata server')
    check('option.WithEndpoint("http://127.0.0.1:4711/")' in done.stderr, 'env-init: code for those that read nothing')
    check(all(word in done.stderr for word in ('Go', 'Python', 'Node', 'Java', 'gcloud', 'hl7relay')), 'env-init: each family of clients')
    check(all(line.startswith('#') for line in done.stderr.splitlines()), 'env-init: the talk is comments')
    done = subprocess.run([BINARY, 'emulate', 'env-init', '--project', "it's $(id)"], capture_output=True, text=True)
    shown = subprocess.run(['sh', '-c', 'eval "$1"; printf %s "$GOOGLE_CLOUD_PROJECT"', 'sh', done.stdout], capture_output=True, text=True)
    equal(shown.stdout, "it's $(id)", 'env-init: whatever stands in a value, the shell runs none of it')
    done = subprocess.run([BINARY, 'emulate', 'env-init', '--tls-cert', '/ca.pem'], capture_output=True, text=True)
    check('export GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=/ca.pem' in done.stdout, 'env-init with TLS: what to trust')
