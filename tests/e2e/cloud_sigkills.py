#!/usr/bin/env python3
"""SIGKILL of the local cloud at random moments under load: all that it confirmed is there, nothing that it did not twice.

Each round has a topic, a subscription and a store of its own. Some threads publish, pull and acknowledge, make, label
and delete topics, subscriptions and snapshots, create, label and delete HL7v2 messages; each notes what it asks for before it asks, and what was
confirmed. Then the server is killed, started again, and looked at over REST. E2E_KILLS rounds (default 20; the long form
is 1000), E2E_SEED repeats the moments.
"""
import base64
import http.client
import json
import os
import random
import subprocess
import tempfile
import threading

import lib  # noqa: F401
import world as W
from made import tiny
from tap import check, note, story, wait_for

KILLS = int(os.environ.get('E2E_KILLS', '20'))
SEED = int(os.environ.get('E2E_SEED', '7'))
LONGEST_S = 0.15
DATASETS = '/v1/projects/p/locations/l/datasets'
RESOURCES = {'topics': 'topic', 'subscriptions': 'subscription', 'snapshots': 'snapshot'}
GONE = (OSError, http.client.HTTPException, ValueError)


class Server:
    def __init__(self, kept):
        self.process = subprocess.Popen([W.binary(), 'emulate', '--host-port', '127.0.0.1:0', '--data-dir', kept],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        env=W.environment())
        self.port = int(self.process.stdout.readline().split()[-1])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Client:
    """One connection. ask() gives what was answered; anything else than an answer raises one of GONE."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)

    def ask(self, method, path, body=None):
        self.connection.request(method, path, None if body is None else json.dumps(body),
                                {'content-type': 'application/json'})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())

    def expect(self, method, path, body=None):
        status, answer = self.ask(method, path, body)
        if status != 200:
            raise RuntimeError('%s %s: %d %s' % (method, path, status, answer))
        return answer

    def items(self, path, key):
        token = ''
        while token is not None:
            page = self.expect('GET', '%s%spageSize=500&pageToken=%s' % (path, '&' if '?' in path else '?', token))
            yield from page.get(key, [])
            token = page.get('nextPageToken')


def made(c, kind):
    """What is there of what administer() makes."""
    return (t for t in c.items('/v1/projects/p/' + kind, kind) if '/made-' in t['name'])


class Thing:
    """Asked for and confirmed, for each of: made, labelled, deleted (of a message of Pub/Sub: acknowledged)."""

    def __init__(self):
        self.asked, self.done = set(), set()


class Round:
    def __init__(self, number):
        self.number = number
        self.topic = '/v1/projects/p/topics/round-%d' % number
        self.sub = '/v1/projects/p/subscriptions/round-%d' % number
        self.store = DATASETS + '/d/hl7V2Stores/round-%d' % number
        self.things = {'published': {}, 'messages': {}, **{kind: {} for kind in RESOURCES}}
        self.lock = threading.Lock()
        self.counter = number * 100000
        self.confirmed = 0
        self.wrong = []

    def prepare(self, c):
        for name in (self.topic, self.topic + '-news'):
            c.expect('PUT', name, {})
        c.expect('PUT', self.sub, {'topic': self.topic[4:]})
        c.expect('PUT', self.sub + '-news', {'topic': self.topic[4:] + '-news'})
        c.expect('POST', DATASETS + '/d/hl7V2Stores?hl7V2StoreId=round-%d' % self.number,
                 {'notificationConfigs': [{'pubsubTopic': self.topic[4:] + '-news'}],
                  'parserConfig': {'version': 'V3'}})

    def thing(self, kind, key=None):
        with self.lock:
            if key is None:
                self.counter += 1
                key = self.counter
            return key, self.things[kind].setdefault(key, Thing())

    def step(self, c, thing, word, method, path, body=None):
        thing.asked.add(word)
        status, answer = c.ask(method, path, body)
        if status != 200:
            raise ValueError('%s %s: %d' % (method, path, status))
        thing.done.add(word)
        self.confirmed += 1
        return answer

    # --- the load ---

    def publish(self, c):
        key, thing = self.thing('published')
        self.step(c, thing, 'made', 'POST', self.topic + ':publish',
                  {'messages': [{'data': base64.b64encode(b'%d' % key).decode()}]})

    def acknowledge(self, c):
        pulled = c.ask('POST', self.sub + ':pull', {'maxMessages': 3, 'returnImmediately': True})[1]
        for message in pulled.get('receivedMessages', []):
            thing = self.thing('published', int(base64.b64decode(message['message']['data'])))[1]
            self.step(c, thing, 'deleted', 'POST', self.sub + ':acknowledge', {'ackIds': [message['ackId']]})

    def administer(self, c):
        for kind, word in RESOURCES.items():
            key, thing = self.thing(kind)
            path = '/v1/projects/p/%s/made-%d' % (kind, key)
            body = {'topics': {}, 'subscriptions': {'topic': self.topic[4:]}, 'snapshots': {'subscription': self.sub[4:]}}
            self.step(c, thing, 'made', 'PUT', path, body[kind])
            self.step(c, thing, 'labelled', 'PATCH', path, {word: {'labels': {'k': 'v'}}, 'updateMask': 'labels'})
            if key % 2:
                self.step(c, thing, 'deleted', 'DELETE', path)

    def store_message(self, c):
        key, thing = self.thing('messages')
        data = base64.b64encode(tiny(key)).decode()
        name = self.step(c, thing, 'made', 'POST', self.store + '/messages', {'message': {'data': data}})['name']
        thing.name = name
        if key % 3:
            self.step(c, thing, 'labelled', 'PATCH', '/v1/' + name + '?updateMask=labels', {'labels': {'k': 'v'}})
        if key % 3 == 1:
            self.step(c, thing, 'deleted', 'DELETE', '/v1/' + name)

    def work(self, port, deeds):
        c = Client(port)
        try:
            while True:
                for deed in deeds:
                    deed(c)
        except GONE:
            pass

    # --- the judgement ---

    def judge_thing(self, kind, key, there, labelled):
        t = self.things[kind].get(key, Thing())
        if there and 'made' not in t.asked:
            self.wrong.append('%s %s was never asked for' % (kind, key))
        if not there and 'made' in t.done and 'deleted' not in t.asked:
            self.wrong.append('%s %s was confirmed and is lost' % (kind, key))
        if there and 'deleted' in t.done:
            self.wrong.append('%s %s is gone for good, and is there' % (kind, key))
        if there and labelled is False and 'labelled' in t.done:
            self.wrong.append('%s %s has lost its label' % (kind, key))
        if there and labelled and 'labelled' not in t.asked:
            self.wrong.append('%s %s has a label that nobody gave it' % (kind, key))

    def drain(self, c, sub):
        """The data of all that is there, and nothing of it twice."""
        seen = []
        while True:
            pulled = c.expect('POST', sub + ':pull', {'maxMessages': 1000, 'returnImmediately': True})
            got = [base64.b64decode(m['message']['data']).decode() for m in pulled.get('receivedMessages', [])]
            if not got:
                break
            seen += got
        if len(seen) != len(set(seen)):
            self.wrong.append('a message is there twice')
        return set(seen)

    def judge(self, c):
        there = {int(data): None for data in self.drain(c, self.sub)}
        for key in set(there) | set(self.things['published']):
            self.judge_thing('published', key, key in there, None)
        for kind in RESOURCES:
            found = {int(t['name'].split('-')[-1]): 'labels' in t for t in made(c, kind)}
            for key in set(found) | set(self.things[kind]):
                self.judge_thing(kind, key, key in found, found.get(key))
        stored = {}
        for m in c.items(self.store + '/messages?view=FULL', 'hl7V2Messages'):
            stored[int(base64.b64decode(m['data']).split(b'|T')[1].split(b'|')[0])] = (m['name'], 'labels' in m)
        for key in set(stored) | set(self.things['messages']):
            self.judge_thing('messages', key, key in stored, stored.get(key, (0, None))[1])
        # A message and its notification are one transaction.
        news = self.drain(c, self.sub + '-news')
        confirmed = {getattr(t, 'name', None) for t in self.things['messages'].values() if 'made' in t.done}
        if not confirmed <= news or not {name for name, _ in stored.values()} <= news:
            self.wrong.append('a stored message was not announced')
        if len(news) > sum('made' in t.asked for t in self.things['messages'].values()):
            self.wrong.append('more was announced than was ever asked for')

    def tidy(self, c):
        for path in (self.sub, self.sub + '-news', self.topic, self.topic + '-news', self.store):
            c.expect('DELETE', path)
        for kind in RESOURCES:
            for t in list(made(c, kind)):
                c.expect('DELETE', '/v1/' + t['name'])


with story(), tempfile.TemporaryDirectory() as top:
    rnd = random.Random(SEED)
    server = Server(os.path.join(top, 'cloud'))
    Client(server.port).expect('POST', DATASETS + '?datasetId=d', {})
    confirmed, wrong, fewest = 0, [], None
    for number in range(1, KILLS + 1):
        r = Round(number)
        r.prepare(Client(server.port))
        threads = [threading.Thread(target=r.work, args=(server.port, deeds)) for deeds in (
            [r.publish], [r.publish, r.acknowledge], [r.acknowledge], [r.administer], [r.store_message],
            [r.store_message])]
        for t in threads:
            t.start()
        wait_for('something to be confirmed', lambda: r.confirmed > 0 or not any(t.is_alive() for t in threads))
        threading.Event().wait(rnd.random() * LONGEST_S)    # the moment of the kill is what is random here
        server.kill()
        for t in threads:
            t.join()
        server = Server(os.path.join(top, 'cloud'))
        c = Client(server.port)
        r.judge(c)
        r.tidy(c)
        confirmed += r.confirmed
        fewest = r.confirmed if fewest is None else min(fewest, r.confirmed)
        wrong += ['round %d: %s' % (number, w) for w in r.wrong]
    server.kill()
    note('seed %d: %d kills, %d requests confirmed before them, at least %s each' % (SEED, KILLS, confirmed, fewest))
    check(not wrong, 'all that was confirmed is there after each SIGKILL, and nothing twice', '\n'.join(wrong[:50]))
    check(confirmed > 10 * KILLS, 'there was a load')
