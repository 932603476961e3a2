#!/usr/bin/env python3
"""Dead letters in a Pub/Sub topic: durable before the acknowledgement, listed without being taken away, replayed once."""
import base64
import json

import lib  # noqa: F401
import world as W
from made import announce, generated, tiny
from rest import create
from tap import check, equal, story, wait_for

DEAD_TOPIC = 'projects/p/topics/dead'
KEEPER = 'projects/p/subscriptions/dead-keeper'


def config(w, **more):
    return w.config(dead_letter={'sink': '', 'topic': DEAD_TOPIC, 'subscription': KEEPER, **more})


def listed(w, path, *args):
    code, out, err = w.run('dead', 'list', '--config_path', path, '--json', *args)
    equal(code, 0, 'dead list: ' + err)
    lines = [json.loads(line) for line in out.splitlines()]
    return [e for e in lines if e['type'] in ('dead', 'skipped')]


def until_empty(w, path):
    return w.run('run', '--config_path', path, '--status_listen', '', '--until-empty', '3s', timeout=120)


with story(), W.World(accept_all='source') as w:
    w.furnish()
    path = config(w)
    code, out, err = until_empty(w, path)
    check(code == 78 and KEEPER in err, 'a subscription that is not there is refused before anything is pulled (%d)' % code, err)
    w.rest.expect('PUT', '/v1/' + DEAD_TOPIC, {})
    code, out, err = until_empty(w, config(w, subscription=''))
    check(code == 78 and 'has no subscription' in err, 'so is a topic that nothing keeps (%d)' % code, err)
    w.rest.expect('PUT', '/v1/' + KEEPER, {'topic': DEAD_TOPIC, 'ackDeadlineSeconds': 10})
    code, out, err = until_empty(w, config(w, topic=W.TOPIC, subscription=''))
    check(code == 78 and 'without end' in err, 'and the topic that the relay itself reads (%d)' % code, err)

    announce(w, generated(20))
    bad = announce(w, generated(3, '--malformed'))
    gone = list(announce(w, [tiny(1)]))
    message = tiny(1)
    w.rest.expect('DELETE', '/v1/' + gone[0])
    w.publish([b'SECRET not a name', b''])
    code, out, err = until_empty(w, config(w, subscription=''))
    equal(code, 3, 'with any subscription on the topic the relay runs, and ends with dead letters')
    equal(w.backlog(), 0, 'everything is acknowledged')

    path = config(w)
    found = listed(w, path)
    equal(sorted(e['reason'] for e in found), sorted(['dest_nack'] * 3 + ['source_not_found', 'bad_path', 'empty_notification']), 'each once')
    check('SECRET' not in json.dumps(found), 'what is no name is not in the topic')
    equal({e['name'] for e in listed(w, path, '--reason', 'dest_nack')}, set(bad), 'a second look finds them still there')

    pulled = w.rest.expect('POST', '/v1/%s:pull' % KEEPER, {'maxMessages': 100})['receivedMessages']
    equal(len(pulled), 6, 'they are given back after each look')
    one = [m['message'] for m in pulled if m['message']['attributes']['reason'] == 'source_not_found'][0]
    equal({k: one['attributes'][k] for k in ('kind', 'stage', 'status')}, {'kind': 'dead', 'stage': 'failed_fetch', 'status': '404'}, 'attributes')
    equal(json.loads(base64.b64decode(one['data']))['name'], gone[0], 'the data is the record')
    w.rest.expect('POST', '/v1/%s:modifyAckDeadline' % KEEPER, {'ackIds': [m['ackId'] for m in pulled], 'ackDeadlineSeconds': 0})

    equal(create(w.rest, W.SOURCE, message), gone[0], 'the message is at the source again')
    code, out, err = w.run('dead', 'replay', '--config_path', path, '--reason', 'source_not_found')
    equal((code, out.split()[0]), (0, '1'), 'one is published again: ' + out + err)
    equal(len(listed(w, path)), 5, 'and is no dead letter any more')
    equal(until_empty(w, path)[0], 0, 'the replayed one went through')

    # The topic fails while a dead letter is due: nothing is acknowledged, and it goes on by itself.
    w.start_relay(config=path)
    wait_for('the relay to pull', lambda: w.page('/readyz') is not None)
    w.faults('publish:503')
    late = list(announce(w, generated(2, '--malformed', '--seed', '77')))
    wait_for('the relay to say that dead letters cannot be kept', lambda: w.page('/readyz') is None)
    equal(w.backlog(), len(late), 'nothing is acknowledged meanwhile')
    w.faults()
    wait_for('the dead letters to be kept', lambda: w.backlog() == 0)
    w.relay.stop()
    copy = w.rest.expect('POST', '/v1/%s:pull' % KEEPER, {'maxMessages': 100})['receivedMessages']
    twice = [m['message'] for m in copy if late[0] in base64.b64decode(m['message']['data']).decode()][0]
    w.rest.expect('POST', '/v1/%s:publish' % DEAD_TOPIC, {'messages': [{k: twice[k] for k in ('data', 'attributes')}]})
    w.rest.expect('POST', '/v1/%s:modifyAckDeadline' % KEEPER, {'ackIds': [m['ackId'] for m in copy], 'ackDeadlineSeconds': 0})
    again = {e['name']: e['times'] for e in listed(w, path) if e.get('name') in late}
    equal(again, {late[0]: 2, late[1]: 1}, 'each is there, and one that was published twice counts once')
