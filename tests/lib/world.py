"""The real binary and the local cloud in a folder of their own, for one story."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request

import tap
from rest import Rest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PARENT = 'projects/p/locations/us-central1/datasets/d'
SOURCE = PARENT + '/hl7V2Stores/source'
DEST = PARENT + '/hl7V2Stores/destination'
TOPIC = 'projects/p/topics/hl7v2'
SUBSCRIPTION = 'projects/p/subscriptions/relay'
KEPT = ('PATH', 'HOME', 'TMPDIR', 'LC_ALL', 'ASAN_OPTIONS', 'UBSAN_OPTIONS', 'LSAN_OPTIONS')


def binary():
    path = os.environ.get('HL7RELAY', os.path.join(TOP, 'hl7relay'))
    if not os.access(path, os.X_OK):
        sys.exit('no binary at %s; build first, or set HL7RELAY' % path)
    return path


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def environment(**more):
    """Nothing of the caller's that could change what the program does."""
    env = {k: v for k, v in os.environ.items() if k in KEPT}
    env.update(more)
    return env


def run(*args, stdin=None, timeout=300, env=None, cwd=None):
    """The binary run to its end: (exit code, stdout, stderr), texts."""
    done = subprocess.run([binary(), *map(str, args)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, env=environment(**(env or {})), cwd=cwd, check=False)
    return done.returncode, done.stdout.decode('utf-8', 'replace'), done.stderr.decode('utf-8', 'replace')


class Process:
    def __init__(self, args, out, env=None):
        self.out = out
        self.begins = os.path.getsize(out) if os.path.exists(out) else 0
        self.file = open(out, 'ab')
        self.process = subprocess.Popen([binary(), *map(str, args)], stdin=subprocess.DEVNULL, stdout=self.file,
                                        stderr=self.file, env=environment(**(env or {})))

    def said(self):
        with open(self.out, 'rb') as f:
            f.seek(self.begins)
            return f.read().decode('utf-8', 'replace')

    def is_running(self):
        return self.process.poll() is None

    def signal(self, number):
        if self.is_running():
            self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.file.close()

    def wait(self, seconds=60):
        """The exit code."""
        tap.wait_for('the process to end', lambda: not self.is_running(), seconds)
        self.file.close()
        return self.process.returncode

    def stop(self, seconds=60):
        self.signal(signal.SIGTERM)
        return self.wait(seconds)


class World:
    """with World() as w: ...    The folder is removed at the end, unless E2E_KEEP is set or the story failed."""

    def __init__(self, accept_all=None, durable=True, cloud_args=()):
        self.dir = tempfile.mkdtemp(prefix='hl7relay-e2e-')
        self.accept_all, self.durable, self.cloud_args = accept_all, durable, list(cloud_args)
        self.cloud = self.relay = None
        self.port = 0
        self.status_port = 0
        self.write('faults.json', '{"rules": []}')

    def __enter__(self):
        self.start_cloud()
        return self

    def __exit__(self, kind, value, trace):
        for process in (self.relay, self.cloud):
            if process is not None and process.is_running():
                process.kill()
        if kind is not None:
            for name in ('relay.log', 'cloud.log'):
                if os.path.exists(self.path(name)):
                    with open(self.path(name), errors='replace') as f:
                        tap.note('--- the end of %s\n%s' % (name, f.read()[-3000:]))
        if os.environ.get('E2E_KEEP'):
            tap.note('kept: ' + self.dir)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), 'w') as f:
            f.write(text)
        return self.path(name)

    # ---- the local cloud ----

    def start_cloud(self):
        args = ['emulate', '--host-port', '127.0.0.1:%d' % self.port, '--fault-file', self.path('faults.json')]
        args += ['--data-dir', self.path('cloud')] if self.durable else []
        args += ['--accept-all-stores', self.accept_all] if self.accept_all else []
        self.cloud = Process(args + self.cloud_args, self.path('cloud.log'))
        self.port = tap.wait_for('the local cloud to listen', self._cloud_port, 60)
        self.rest = Rest(self.port)

    def _cloud_port(self):
        if not self.cloud.is_running():
            raise tap.Failure('the local cloud ended: ' + self.cloud.said()[-500:])
        for line in self.cloud.said().split('\n')[:-1]:
            if 'listening on ' in line:
                return int(line.split('listening on ')[1].split()[0].split(':')[-1].rstrip('.,'))
        return 0

    def kill_cloud(self):
        """SIGKILL, and a new one on the same port and folder."""
        self.cloud.kill()
        self.start_cloud()

    def faults(self, *rules):
        """From now on these rules are in force, and no others."""
        self.write('faults.json', json.dumps({'rules': list(rules)}))
        self.cloud.signal(signal.SIGHUP)

    def furnish(self, ack_deadline=10, source=None, dest=None):
        self.rest.expect('PUT', '/v1/' + TOPIC, {})
        self.rest.expect('PUT', '/v1/' + SUBSCRIPTION, {'topic': TOPIC, 'ackDeadlineSeconds': ack_deadline})
        self.rest.expect('POST', '/v1/%s?datasetId=d' % PARENT.rsplit('/', 1)[0], {})
        self.rest.expect('POST', '/v1/%s/hl7V2Stores?hl7V2StoreId=source' % PARENT,
                         {'notificationConfigs': [{'pubsubTopic': TOPIC}], **(source or {})})
        self.rest.expect('POST', '/v1/%s/hl7V2Stores?hl7V2StoreId=destination' % PARENT, dest or {})

    def publish(self, datas):
        """Notifications that no store made. b'' is an empty one. Returns the message ids."""
        import base64
        messages = [{'data': base64.b64encode(d).decode()} if d else {'attributes': {'made_by': 'a test'}} for d in datas]
        return self.rest.expect('POST', '/v1/%s:publish' % TOPIC, {'messages': messages})['messageIds']

    def backlog(self):
        """How many announcements are not acknowledged: the local cloud's own count."""
        return int(self.rest.expect('GET', '/v1/%s:backlog' % SUBSCRIPTION)['unacked'])

    # ---- the relay ----

    def config(self, **more):
        """The Python pipeline's keys with local values, and what a test needs beside them."""
        config = {
            'project_id': 'p', 'region': 'us-central1', 'source_hl7v2_store': SOURCE, 'dest_hl7v2_store': DEST,
            'pubsub_subscription': SUBSCRIPTION,
            'pubsub_endpoint': 'http://127.0.0.1:%d' % self.port,
            'healthcare_endpoint': 'http://127.0.0.1:%d' % self.port,
            'dead_letter': {'sink': 'file://' + self.path('dead')},
            'state_dir': self.path('state'), 'status_listen': '127.0.0.1:0',
            'log': {'format': 'json'},
        }
        for key, value in more.items():
            if isinstance(value, dict) and isinstance(config.get(key), dict):
                config[key] = {**config[key], **value}
            else:
                config[key] = value
        os.makedirs(self.path('state'), exist_ok=True)
        return self.write('config.json', json.dumps({k: v for k, v in config.items() if v is not None}, indent=2))

    def start_relay(self, *flags, config=None, env=None, wait=True):
        path = config or (self.path('config.json') if os.path.exists(self.path('config.json')) else self.config())
        self.relay = Process(['run', '--config_path', path, *flags], self.path('relay.log'), env)
        if wait:
            tap.wait_for('the relay to live', self._relay_lives, 60)
        return self.relay

    def _relay_lives(self):
        if not self.relay.is_running():
            raise tap.Failure('the relay ended: ' + self.relay.said()[-500:])
        for line in self.relay.said().split('\n')[:-1]:
            if '"event":"status_listening"' in line:
                self.status_port = json.loads(line)['port']
                return self.page('/livez') is not None
        return False

    def page(self, path):
        """A page of the status port as text; None: no answer, or not 200."""
        try:
            with urllib.request.urlopen('http://127.0.0.1:%d%s' % (self.status_port, path), timeout=10) as answer:
                return answer.read().decode()
        except (OSError, ValueError):
            return None

    def metric(self, name, **labels):
        """The sum over all series of that name that carry these labels."""
        total = 0.0
        for line in (self.page('/metrics') or '').split('\n'):
            series, _, value = line.rpartition(' ')
            if series.split('{')[0] == name and all('%s="%s"' % pair in series for pair in labels.items()):
                total += float(value)
        return total

    def metrics(self):
        names = ('received', 'delivered', 'dead', 'skipped', 'coalesced', 'released')
        got = {n: int(self.metric('hl7relay_messages_%s_total' % n)) for n in names}
        got['in_flight'] = int(self.metric('hl7relay_in_flight'))
        return got

    def run(self, *args, **more):
        return run(*args, **more)
