#!/usr/bin/env python3
"""Submitting to Dataflow, against a strict stand-in for Cloud Storage and Dataflow: upload, create, messages, counters, poll,
drain, cancel, a job of that name, and every error that these document."""
import json
import os
import signal
import tempfile

import lib  # noqa: F401
import dataflow_golden as G
import world as W
from dataflow_standin import TOKEN, Standin
from tap import check, equal, story, wait_for


def config(folder, s, **more):
    keys = {**G.CONFIG, 'dataflow_endpoint': s.url, 'storage_endpoint': s.url, **more}
    if s.tls:
        with open(folder + '/token', 'w') as f:
            f.write(TOKEN)
        os.chmod(folder + '/token', 0o600)
        keys.update(auth={'mode': 'token_file:%s/token' % folder}, tls={'ca_file': s.tls + '/cert.pem'}, allow_hosts=['127.0.0.1'])
    path = folder + '/config.json'
    with open(path, 'w') as f:
        json.dump(keys, f)
    return path


def submit(folder, path, *flags):
    return W.Process(['submit', '--config_path', path, '--json', *flags], folder + '/submit.log')


def lines(process):
    return [json.loads(t) for t in process.said().split('\n')[:-1] if t.startswith('{')]


def told(process, kind):
    return [t for t in lines(process) if t['type'] == kind]


def counter(name, value, step, tentative=False, namespace='HL7v2'):
    context = {'namespace': namespace, 'step': step}
    if tentative:
        context['tentative'] = 'true'
    return {'name': {'origin': 'user', 'name': name, 'context': context}, 'scalar': value, 'updateTime': '2026-01-01T00:00:00Z'}


def a_whole_life(folder):
    with Standin(tls=folder) as s:
        path = config(folder, s)
        p = submit(folder, path)
        wait_for('the job', lambda: s.jobs or not p.is_running())
        job = next(iter(s.jobs.values()))
        wait_for('the job to be told', lambda: told(p, 'submitted'))
        equal(told(p, 'submitted')[0]['job'], job['id'], 'the job id is told')
        job['test']['messages'] += [
            {'id': '1', 'time': '2026-01-01T00:00:01Z', 'messageText': 'Worker configuration: n1-standard-2.', 'messageImportance': 'JOB_MESSAGE_BASIC'},
            {'id': '2', 'time': '2026-01-01T00:00:02Z', 'messageText': 'quota\x1b[31m is low', 'messageImportance': 'JOB_MESSAGE_WARNING'}]
        job['test']['metrics'] += [
            counter('Fetched', 5, 's3'), counter('Fetched', 4, 's4'), counter('Fetched', 99, 's3', tentative=True),
            counter('Ingested', 8, 's4'), counter('FailedIngest', 1, 's4'), counter('Fetched', 7, 's3', namespace='other')]
        s.settle('JOB_STATE_RUNNING')
        wait_for('the warning', lambda: told(p, 'message'))
        s.answer('GET', '/messages', 503, times=2)
        code, out, err = W.run('jobs', 'show', job['id'], '--config_path', path)
        equal(code, 0, 'jobs show')
        check('JOB_STATE_RUNNING  hl7v2-to-hl7v2' in out and 'HL7v2/Fetched 9\n' in out, 'shows state and counters', out + err)
        code, out, err = W.run('jobs', 'cancel', job['id'], '--config_path', path)
        equal(code, 64, 'jobs cancel wants --yes')
        check('loses what it has acknowledged' in err and 'jobs drain' in err, 'and says what it loses', err)
        code, out, err = W.run('jobs', 'drain', job['id'], '--config_path', path)
        equal((code, job['requestedState']), (0, 'JOB_STATE_DRAINING'), 'jobs drain')
        wait_for('the draining to be seen', lambda: 'DRAINING' in [t['state'] for t in told(p, 'state')])
        s.settle('JOB_STATE_DRAINED')
        equal(p.wait(30), 0, 'a drained job ends with 0')
        equal([t['text'] for t in told(p, 'message')], ['quota [31m is low'], 'warnings are told once, without control characters')
        equal(told(p, 'counters')[-1], {'type': 'counters', 'Fetched': 9, 'FailedFetch': 0, 'Ingested': 8, 'FailedIngest': 1},
              'committed counters are summed over steps')
        code, out, err = W.run('jobs', 'cancel', job['id'], '--yes', '--config_path', path)
        equal(code, 1, 'an ended job cannot be cancelled')
        check('Cannot change the state' in err, 'and Dataflow says so', err)
        equal(s.faults, [], 'every request was as documented')
        check(all(c.split()[1].split('?')[0].startswith(('/upload/', '/v1b3/')) for c in s.calls), 'and no other was made')


def interrupts(folder):
    with Standin() as s:
        path = config(folder, s)
        for how, requested, end in (('drain', 'JOB_STATE_DRAINING', 'JOB_STATE_DRAINED'),
                                    ('cancel', 'JOB_STATE_CANCELLED', 'JOB_STATE_CANCELLED')):
            p = submit(folder, path, '--on-interrupt', how)
            wait_for('a job', lambda: told(p, 'submitted'))
            s.settle('JOB_STATE_RUNNING')
            wait_for('it to run', lambda: told(p, 'state'))
            p.signal(signal.SIGINT)
            job = s.jobs[told(p, 'submitted')[0]['job']]
            wait_for('the request', lambda: 'requestedState' in job)
            equal(job['requestedState'], requested, 'Ctrl-C: ' + how)
            s.settle(end)
            equal(p.wait(30), 0, '%s on request ends with 0' % how)
        p = submit(folder, path)
        wait_for('a job', lambda: told(p, 'submitted'))
        p.signal(signal.SIGINT)
        equal(p.wait(30), 0, 'Ctrl-C by default leaves the job alone')
        check('requestedState' not in s.jobs[told(p, 'submitted')[0]['job']], 'and asks nothing of it')
        p = submit(folder, path, '--set', 'job_name=another', '--detach')
        equal(p.wait(30), 0, '--detach ends once the job is made')
        s.settle('JOB_STATE_RUNNING')
        code, out, err = W.run('jobs', 'list', '--config_path', path)
        equal(len(out.split('\n')) - 1, len(s.jobs), 'jobs list follows the pages')
        s.settle('JOB_STATE_FAILED')
        p = submit(folder, path)
        wait_for('a job', lambda: told(p, 'submitted'))
        s.settle('JOB_STATE_FAILED')
        equal(p.wait(30), 1, 'a failed job ends with 1')
        equal(s.faults, [], 'every request was as documented')


def errors(folder):
    with Standin() as s:
        path = config(folder, s)
        jobs = r'/jobs$'
        rows = [
            ('POST', jobs, 400, None, 1, 'answers 400: played by the test'), ('POST', jobs, 401, None, 77, 'answers 401'),
            ('POST', jobs, 403, None, 77, 'answers 403'), ('POST', jobs, 404, None, 1, 'answers 404'),
            ('POST', jobs, 409, None, 1, 'a job named hl7v2-to-hl7v2 runs already'),
            ('POST', jobs, 400, b'<html>proxy</html>', 1, "answers 400 without Google's error"),
            ('POST', jobs, 200, b'not json', 1, 'does not say what it must'), ('POST', jobs, 200, {}, 1, 'does not say what it must'),
            ('POST', '/upload/', 401, None, 77, 'upload of the pipeline to gs://my-bucket'),
            ('POST', '/upload/', 403, None, 77, 'answers 403'), ('POST', '/upload/', 412, None, 1, 'answers 412'),
            ('POST', '/upload/', 200, {'size': '3'}, 1, 'does not say what it must'),
            ('POST', '/upload/', 302, b'', 1, "answers 302 without Google's error"),
        ]
        for method, match, status, body, code, words in rows:
            s.answer(method, match, status, body=body, times=2 if status == 401 else 1)
            got, out, err = W.run('submit', '--config_path', path, '--detach')
            check(got == code and words in err, '%s %d is exit code %d and says why' % (match, status, code), '%d: %s' % (got, err))
        equal(s.jobs, {}, 'no job was made')
        for status in (429, 500, 503):
            s.answer('POST', '/upload/', status)
            s.answer('POST', jobs, status)
        equal(W.run('submit', '--config_path', path, '--detach')[0], 0, 'what is merely late is asked again')
        equal(len(s.jobs), 1, 'and makes one job')
        first = next(iter(s.jobs))
        code, out, err = W.run('submit', '--config_path', path, '--detach')
        check(code == 1 and 'runs already: ' + first in err, 'a job of that name that runs is told apart from ours', err)
        equal(len(s.jobs), 1, 'and makes none')
        s.buckets.clear()
        code, out, err = W.run('submit', '--config_path', path, '--detach')
        check(code == 1 and 'bucket does not exist' in err, 'a bucket that is not there', err)
        code, out, err = W.run('jobs', 'show', 'no-such-job', '--config_path', path)
        check(code == 1 and 'could not be found' in err, 'a job that is not there', err)
        equal(s.faults, [], 'every request was as documented')
        s.answer('POST', '/upload/', 503, times=100)
        code, out, err = W.run('submit', '--config_path', path, '--detach')
        equal(code, 69, 'what stays away is exit code 69')


with story():
    for part in (a_whole_life, interrupts, errors):
        with tempfile.TemporaryDirectory() as folder:
            part(folder)
