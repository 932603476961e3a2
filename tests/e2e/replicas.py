#!/usr/bin/env python3
"""Several relays on one subscription, with replicas killed and added under load: nothing is lost, the work is shared."""
import json
import os

import lib  # noqa: F401
import world as W
from ledger import judge
from made import announce, generated
from rest import list_names, pull_all
from tap import check, equal, note, story, wait_for

COUNT = int(os.environ.get('E2E_MESSAGES', '2000'))
BAD = 10
REPLICAS, ROUNDS = 4, 6
DEAD_TOPIC, KEEPER = 'projects/p/topics/dead', 'projects/p/subscriptions/dead-keeper'


class Replicas:
    def __init__(self, w, config):
        self.w, self.config, self.made, self.live = w, config, 0, []

    def add(self):
        log = self.w.path('replica-%d.log' % self.made)
        self.made += 1
        self.live.append(W.Process(['run', '--config_path', self.config], log))

    def ended(self):
        return [r for r in self.live if not r.is_running()]

    def delivered(self):
        """Of those that ended by SIGTERM: how many each delivered, from its closing ledger."""
        counts = []
        for n in range(self.made):
            with open(self.w.path('replica-%d.log' % n), 'rb') as f:
                counts += [json.loads(line)['delivered'] for line in f if b'"event":"stopped"' in line]
        return counts

    def end(self):
        for r in self.live:
            r.kill()


def at_dest(w):
    return len(list_names(w.rest, W.DEST))


with story(), W.World(cloud_args=['--release-on-disconnect'], accept_all='source') as w:
    w.furnish()
    w.rest.expect('PUT', '/v1/' + DEAD_TOPIC, {})
    w.rest.expect('PUT', '/v1/' + KEEPER, {'topic': DEAD_TOPIC, 'ackDeadlineSeconds': 60})
    config = w.config(dead_letter={'sink': '', 'topic': DEAD_TOPIC, 'subscription': KEEPER}, flow={'max_concurrency': 16, 'max_outstanding_messages': 64})
    stored = announce(w, generated(COUNT))
    stored.update(announce(w, generated(BAD, '--malformed', '--seed', '5')))
    w.faults('ingest@destination:slow:ms=20-60')    # so that a kill comes in the middle of something
    replicas = Replicas(w, config)
    try:
        for _ in range(REPLICAS):
            replicas.add()
        for number in range(ROUNDS):
            share = COUNT * (number + 1) // (ROUNDS + 3)
            wait_for('%d at the destination' % share, lambda least=share: at_dest(w) >= least, 120)
            replicas.live.pop(0).kill()
            replicas.add()
        check(at_dest(w) < COUNT, '%d replicas were killed and replaced in the middle' % ROUNDS)
        w.faults()
        wait_for('nothing to be left in the subscription', lambda: w.backlog() == 0, 180)
        equal(replicas.ended(), [], 'no replica ended by itself')
        equal([r.stop() for r in replicas.live], [0] * REPLICAS, 'SIGTERM ends each with 0')
        counts = replicas.delivered()
        note('delivered by the last four: %s' % counts)
        check(len(counts) == REPLICAS and all(n > 0 for n in counts), 'each had its part of the work', str(counts))
    finally:
        replicas.end()
    records = {r['id']: r for r in (json.loads(data) for data, _ in pull_all(w.rest, KEEPER))}
    whole = [{'name': None, 'name_sha256': None, **r} for r in records.values()]
    ledger = judge(w, stored, records=whole)
    equal(ledger.identical, COUNT, 'all that could be delivered are byte-identical')
    equal((ledger.dead, dict(ledger.reasons)), (BAD, {'dest_nack': BAD}), 'the others are dead letters in the topic, with the reason')
    equal((ledger.lost, ledger.altered, ledger.unexpected), ([], [], []), 'nothing lost, altered, from nowhere')
