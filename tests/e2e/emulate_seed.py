#!/usr/bin/env python3
"""emulate --seed: one file makes everything, again and again; bad files are named to the column. emulate reset empties it."""
import json
import os
import socket
import subprocess
import sys

import lib  # noqa: F401
from made import tiny
from rest import message_id
from tap import check, equal, skip, story
from world import TOP, Process, World, run

EXAMPLE = os.path.join(TOP, 'docs', 'cloud.example.json')
P = '/v1/projects/my-project'
STORE = P + '/locations/us-central1/datasets/clinic/hl7V2Stores'


def seed_with(w, change=None, name='seed.json'):
    """The documented example, changed, in the story's folder."""
    with open(EXAMPLE) as f:
        seed = json.load(f)
    if change:
        change(seed['projects']['my-project'])
    return w.write(name, json.dumps(seed, indent=2))


def add_messages(project):
    store = project['locations']['us-central1']['datasets']['clinic']['hl7V2Stores']['source']
    store['messages'] = ['messages', {'file': 'messages/1.hl7', 'labels': {'from': 'seed'}}]


def refused(w, text):
    """What is said of this file, and the exit code."""
    code, _, said = run('emulate', '--host-port', '127.0.0.1:0', '--seed', w.write('bad.json', text))
    return code, said.strip().replace(w.dir + '/', '')


def bad_files(w):
    def project(text):
        return '{"projects": {\n "p": {%s}}}' % text

    cases = [
        ('{"projects":\n  oops}', 'bad.json: line 2, column 3: '),
        ('[]', 'bad.json: line 1, column 1: the file: it must be an object'),
        ('{"project": {}}', 'line 1, column 3: the file: it must be {"projects": {...}} and nothing else'),
        (project('"topicz": {}'), 'line 2, column 9: projects.p: there is no key "topicz" here; known are: topics, subscriptions, locations'),
        (project('"topics": {"top": 1}'), 'line 2, column 26: projects.p.topics.top: it must be an object'),
        (project('"topics": {"top": {}, "top": {}}'), 'projects.p.topics: "top" stands here twice'),
        (project('"topics": {"a/b": {}}'), 'projects.p.topics: a name must have'),
        (project('"topics": {"x": {}}'), 'projects.p.topics.x: Invalid [topics] name'),
        (project('"topics": {"top": {"lables": {}}}'), 'projects.p.topics.top.lables: '),
        (project('"topics": {"top": {}},\n"subscriptions": {"sub": {"topic": "top", "ackDeadlineSeconds": 5}}'),
         'line 3, column 44: projects.p.subscriptions.sub.ackDeadlineSeconds: '),
        (project('"subscriptions": {"sub": {"topic": "nothere"}}'), 'projects.p.subscriptions.sub.topic: '),
        (project('"locations": {"l": {"datasets": {"d": {"hl7V2Stores": {"s": {"parserConfig": {"version": "V9"}}}}}}}'),
         'hl7V2Stores.s.parserConfig.version: '),
        (project('"locations": {"l": {"datasets": {"d": {"hl7V2Stores": {"s": {"messages": ["none.hl7"]}}}}}}'),
         's.messages[0]: none.hl7 cannot be read'),
        (project('"locations": {"l": {"datasets": {"d": {"hl7V2Stores": {"s": {"messages": ["faults.json"]}}}}}}'),
         's.messages[0] (faults.json): the store refuses it; is it an HL7v2 message'),
        (project('"locations": {"l": {"datasets": {"d": {"hl7V2Stores": {"s": {"messages": [{"fil": "x"}]}}}}}}'),
         's.messages[0]: there is no key "fil" here; known are: file, labels'),
    ]
    for text, wanted in cases:
        code, said = refused(w, text)
        check(code == 65 and wanted in said and said.count('\n') == 0, 'refused: ' + said, '%d, wanted %r' % (code, wanted))
    code, _, said = run('emulate', '--seed', w.path('nothere.json'))
    check(code == 65 and 'cannot be opened' in said, 'a file that is not there: ' + said.strip().replace(w.dir, ''))


def not_from_elsewhere(w):
    """Over an address of this machine that is not loopback."""
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        probe.connect(('192.0.2.1', 9))    # sends nothing: only asks which address would be ours
        address = probe.getsockname()[0]
    except OSError:
        address = '127.0.0.1'
    finally:
        probe.close()
    if address.startswith('127.'):
        skip('another address', 'this machine has no address but loopback')
        return
    cloud = Process(['emulate', '--host-port', address + ':0'], w.path('open.log'))
    port = int(w_line(cloud).split()[-1])
    code, _, said = run('emulate', 'reset', '--yes', '--host-port', '%s:%d' % (address, port))
    check(code == 77 and 'from its own machine only' in said, 'reset over another address is refused: ' + said.strip().replace(address, 'ADDRESS'))
    cloud.stop()


def w_line(process):
    from tap import wait_for
    return wait_for('the port', lambda: [line for line in process.said().split('\n')[:-1] if 'listening on' in line])[0]


with story(), World() as w:
    os.mkdir(w.path('messages'))
    for i in range(3):
        with open(w.path('messages/%d.hl7' % i), 'wb') as f:
            f.write(tiny(i))
    w.cloud.stop()
    w.port = 0
    w.cloud_args = ['--seed', seed_with(w, add_messages)]
    w.start_cloud()
    check('2 topics, 2 subscriptions, 1 dataset, 2 stores, 4 messages' in w.cloud.said(), 'it says what it made', w.cloud.said())
    sub = w.rest.expect('GET', P + '/subscriptions/relay')
    equal((sub['topic'], sub['ackDeadlineSeconds'], sub['deadLetterPolicy'], sub['retryPolicy']['minimumBackoff']),
          ('projects/my-project/topics/adt', 60, {'deadLetterTopic': 'projects/my-project/topics/dead', 'maxDeliveryAttempts': 10}, '1s'),
          'a subscription with its fields; topics by their ids')
    store = w.rest.expect('GET', STORE + '/source')
    equal(store['notificationConfigs'][0]['pubsubTopic'], 'projects/my-project/topics/adt', 'a store that announces')
    equal(w.rest.expect('GET', STORE + '/destination')['rejectDuplicateMessage'], True, 'a store with its fields')
    equal(w.rest.expect('GET', P + '/subscriptions/relay:backlog')['unacked'], '3', 'three messages are announced')
    name = STORE + '/source/messages/' + message_id(tiny(1))
    equal(w.rest.once('GET', name)[0], 200, 'a message under its id')
    w.rest.expect('POST', P + '/topics/adt:publish', {'messages': [{'data': 'aGk='}]})

    w.kill_cloud()
    equal(w.rest.expect('GET', P + '/subscriptions/relay:backlog')['unacked'], '4', 'furnished again after a kill: nothing twice, nothing lost')
    w.cloud.stop()

    def changed(project):
        add_messages(project)
        project['subscriptions']['relay']['ackDeadlineSeconds'] = 30
        project['topics']['adt']['labels'] = {'team': 'other'}
        project['locations']['us-central1']['datasets']['clinic']['hl7V2Stores']['destination']['labels'] = {}
    seed_with(w, changed)
    w.start_cloud()
    equal(w.rest.expect('GET', P + '/subscriptions/relay')['ackDeadlineSeconds'], 30, 'a changed file changes a subscription')
    equal(w.rest.expect('GET', P + '/topics/adt')['labels'], {'team': 'other'}, 'and a topic')
    equal(w.rest.expect('GET', STORE + '/destination').get('labels', {}), {}, 'and a store')
    w.cloud.stop()

    def impossible(project):
        project['subscriptions']['relay']['topic'] = 'dead'
    path = seed_with(w, impossible, 'other.json')
    code, _, said = run('emulate', '--data-dir', w.path('cloud'), '--seed', path)
    check(code == 65 and 'subscriptions.relay.topic: it is there already with another topic' in said, 'what cannot be changed: ' +
          said.strip().replace(w.dir + '/', ''))
    code, _, said = run('emulate', '--seed', EXAMPLE, '--fault', 'any:503', '--fault', 'nonsense')
    check(code == 78, 'a bad rule beside it: refused')
    bad_files(w)

    # ---- reset ----
    w.cloud_args += ['--fault', 'admin:503:first=1']
    w.start_cloud()
    equal(w.rest.once('GET', STORE + '/source')[0], 503, 'faults strike clients, not the furnishing')
    port = '127.0.0.1:%d' % w.port
    code, out, said = run('emulate', 'reset', '--host-port', port)
    check(code == 64 and 'removes 2 topics, 2 subscriptions, 1 dataset and 2 stores with all messages' in said and '--yes' in said, 'reset asks first: ' + said.strip())
    equal(w.rest.once('GET', P + '/topics/adt')[0], 200, 'nothing was removed')
    w.rest.expect('PUT', '/v1/projects/other/topics/kept', {})
    equal(run('emulate', 'reset', '--host-port', port, '--yes', '--project', 'my-project')[0], 0, 'reset --project')
    equal([w.rest.once('GET', path)[0] for path in (P + '/topics/adt', P + '/subscriptions/relay', STORE + '/source', name)], [404] * 4, 'it is empty')
    equal(w.rest.once('GET', '/v1/projects/other/topics/kept')[0], 200, 'the other project is not')
    w.cloud_args = []
    w.kill_cloud()
    equal(w.rest.once('GET', P + '/topics/adt')[0], 404, 'emptied durably')
    equal(run('emulate', 'reset', '--host-port', port, '--yes')[0], 0, 'reset of all')
    equal(w.rest.once('GET', '/v1/projects/other/topics/kept')[0], 404, 'all is empty')
    w.cloud.stop()
    code, _, said = run('emulate', 'reset', '--host-port', port, '--yes')
    check(code == 69 and 'no local cloud answers' in said, 'nobody there: ' + said.strip())
    not_from_elsewhere(w)

    # ---- one line of CI ----
    cloud = Process(['emulate', '--host-port', '127.0.0.1:0', '--seed', EXAMPLE], w.path('ci.log'))
    port = w_line(cloud).split()[-1]
    script = 'eval "$(%s emulate env-init --quiet --host-port 127.0.0.1:%s --project my-project)" && exec %s -c "%s"' % (
        os.environ['HL7RELAY'], port, sys.executable,
        "import os,urllib.request as u; print(u.urlopen('http://'+os.environ['PUBSUB_EMULATOR_HOST']+'/v1/projects/'"
        "+os.environ['GOOGLE_CLOUD_PROJECT']+'/topics/adt').status, open(os.environ['CLOUDSDK_AUTH_ACCESS_TOKEN_FILE']).read().strip())")
    done = subprocess.run(['sh', '-c', script], capture_output=True, text=True, timeout=60)
    equal((done.stdout.strip(), done.stderr), ('200 any-token', ''), 'eval "$(hl7relay emulate env-init)" points clients here')
    cloud.stop()
