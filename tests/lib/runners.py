"""Real Beam runners for stories, as tests/beam/setup installs them, on free ports; worker pools; who works for whom."""
import glob
import os
import signal
import socket
import subprocess
import sys

import tap
import world as W

KEPT = os.path.join(W.TOP, '.tools/beam')
PRISM = os.path.join(KEPT, 'bin/prism')
FLINK = os.path.join(KEPT, 'flink/lib')
PYTHON = os.path.join(KEPT, 'python/bin/python')


def need(name, what):
    """Ends the story as a skip where the runner is not installed."""
    there = {'prism': os.path.exists(PRISM), 'flink': os.path.exists(KEPT + '/flink/pom.sum'),
             'python': os.path.exists(PYTHON + '.ready')}[name]
    if not there:
        tap.skip(what, '%s is not installed: tests/beam/setup %s' % (name, name))
        print('1..1')
        sys.exit(0)


def opens(port):
    with socket.socket() as s:
        return s.connect_ex(('127.0.0.1', port)) == 0


class Runner:
    """with Runner('prism', w) as r: ...    r.endpoint; the process ends with the story."""

    def __init__(self, name, w, *more):
        self.name, self.w, self.more = name, w, list(more)
        self.log = w.path(name + '.log')

    def __enter__(self):
        self.port = W.free_port()
        self.endpoint = 'localhost:%d' % self.port
        args = {
            'prism': [PRISM, '--serve_http=false', '--log_kind=text', '--job_port=%d' % self.port],
            'flink': ['java', '-Xmx1200m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=info', '-cp', FLINK + '/*',
                      'org.apache.beam.runners.flink.FlinkJobServerDriver', '--flink-master=[local]', '--job-port=%d' % self.port,
                      '--artifact-port=0', '--expansion-port=-1', '--artifacts-dir=' + self.w.path('artifacts')],
            'python': [PYTHON, '-m', 'apache_beam.runners.portability.local_job_service_main', '--port', str(self.port)],
        }[self.name] + self.more
        self.file = open(self.log, 'ab')
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=self.file, stderr=self.file, start_new_session=True,
                                        cwd=self.w.dir, env=W.environment())
        tap.wait_for(self.name + ' to listen', lambda: self.process.poll() is not None or opens(self.port), 120)
        if self.process.poll() is not None:
            raise tap.Failure('%s ended: %s' % (self.name, self.said()[-500:]))
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)    # with the workers that it started
            self.process.wait()
        self.file.close()
        if kind is not None:
            tap.note('--- the end of %s.log\n%s' % (self.name, self.said()[-3000:]))

    def said(self):
        with open(self.log, errors='replace') as f:
            return f.read()


class Pool:
    """A worker pool for EXTERNAL environments. pool.place is what environment_config names."""

    def __init__(self, w):
        self.w = w

    def __enter__(self):
        self.process = W.Process(['beam-worker', '--pool', '127.0.0.1:0'], self.w.path('pool.log'))
        self.place = tap.wait_for('the pool to listen', self._place)
        return self

    def _place(self):
        for line in self.process.said().split('\n')[:-1]:
            if 'listening on ' in line:
                return line.split('listening on ')[1].split()[0].rstrip('.,')
        return None

    def __exit__(self, kind, value, trace):
        if kind is not None:
            tap.note('--- the end of pool.log\n%s' % self.process.said()[-3000:])
        if self.process.is_running():
            self.process.kill()

    def workers(self):
        return [p for p in descendants(self.process.process.pid) if is_worker(p)]


def descendants(pid):
    """Children of all its threads, and theirs."""
    children = []
    for path in glob.glob('/proc/%d/task/*/children' % pid):
        try:
            with open(path) as f:
                children += [int(p) for p in f.read().split()]
        except OSError:
            pass    # the thread has ended
    return children + [d for c in children for d in descendants(c)]


def is_worker(pid):
    try:
        with open('/proc/%d/cmdline' % pid, 'rb') as f:
            words = f.read().split(b'\0')
    except OSError:
        return False
    return b'beam-worker' in b' '.join(words) and not any(w.startswith(b'--pool') for w in words)


def cpu_seconds(*pids):
    total = 0
    for pid in pids:
        with open('/proc/%d/stat' % pid) as f:
            fields = f.read().rsplit(')', 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf('SC_CLK_TCK')


class Job(W.Process):
    """`submit --json` in the background."""

    def __init__(self, w, runner, kind, *flags, config=None, log='submit.log'):
        super().__init__(['submit', '--config_path', config or w.path('config.json'), '--json', '--runner', kind,
                          '--job_endpoint', runner.endpoint, *flags], w.path(log))

    def told(self, kind):
        import json
        return [t for t in (json.loads(x) for x in self.said().split('\n')[:-1] if x.startswith('{')) if t['type'] == kind]

    def state(self):
        states = self.told('state')
        return states[-1]['state'] if states else ''

    def counters(self):
        got = self.told('counters')
        return {k: v for k, v in got[-1].items() if k != 'type'} if got else {}

    def id(self):
        return self.told('submitted')[0]['job']
