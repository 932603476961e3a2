"""Publish and deliver: batches, attributes, ordering, leases, exactly-once, dead letters, retry, filters, flow."""
import itertools
import threading
import time
from datetime import timedelta

from cases import (Shared, Stream, acknowledge, case, equal, is_empty, make_subscription, make_topic, publish, pull,
                   pull_some, quiet, raises, roomy, true, wait_for)
from google.api_core import exceptions as err
from google.cloud import pubsub_v1
from google.cloud.pubsub_v1 import types
from google.cloud.pubsub_v1.subscriber import exceptions as sub_err
from google.protobuf import duration_pb2

pub, sub = Shared.publisher, Shared.subscriber
IDLE_S = 130


def seconds(n):
    return duration_pb2.Duration(seconds=n)


@case('streaming pull: a message held idle for two minutes is not delivered twice', first=True)
def long_lease():
    topic, name = make_subscription(ack_deadline_seconds=10)
    held = threading.Event()
    publish(topic, b'slow')
    with Stream(name, lambda m: (held.wait(IDLE_S + 60), m.ack())) as stream:
        wait_for('the message', lambda: stream.got)
        end = time.monotonic() + IDLE_S
        while time.monotonic() < end:
            equal(pull(name), [], 'another subscriber gets nothing while the lease is extended')
            quiet(5)
        equal(len(stream.got), 1, 'deliveries')
        held.set()
        wait_for('the acknowledgement', lambda: is_empty(name))
        publish(topic, b'after')
        wait_for('a message on the stream that was idle', lambda: len(stream.got) == 2)


@case('publish: batches, unique ids, attributes and times come through')
def publish_batches():
    topic, name = make_subscription()
    batching = pubsub_v1.PublisherClient(types.BatchSettings(max_messages=100, max_latency=0.05))
    futures = [batching.publish(topic, b'%d' % n, n=str(n), empty='', utf='\u00e9\u4e16') for n in range(1000)]
    ids = [f.result(60) for f in futures]
    equal(len(set(ids)), 1000, 'ids')
    got = pull_some(name, 1000)
    equal({r.message.message_id for r in got}, set(ids))
    for r in got:
        equal(dict(r.message.attributes), {'n': r.message.data.decode(), 'empty': '', 'utf': '\u00e9\u4e16'})
        true(abs(r.message.publish_time.timestamp() - time.time()) < 60, 'publish_time')
        equal((r.message.ordering_key, r.delivery_attempt), ('', 0))
    acknowledge(name, got)
    true(is_empty(name), 'all acknowledged')


@case('publish: a message of attributes alone, and one of bytes that are no text')
def publish_odd():
    topic, name = make_subscription()
    publish(topic, b'', only='attributes')
    publish(topic, bytes(range(256)))
    got = pull_some(name, 2)
    equal(sorted(r.message.data for r in got), [b'', bytes(range(256))])


@case('publish: what was published before a subscription was made is not its own')
def publish_before():
    topic, first = make_subscription()
    publish(topic, b'early')
    _, second = make_subscription(topic)
    publish(topic, b'late')
    equal(sorted(r.message.data for r in pull_some(first, 2)), [b'early', b'late'])
    equal([r.message.data for r in pull_some(second, 1)], [b'late'])


@case('pull: leases, deadlines, nack, acknowledgement twice')
def pull_lease():
    topic, name = make_subscription(ack_deadline_seconds=10)
    publish(topic, b'x')
    one = pull_some(name, 1)[0]
    began = time.monotonic()
    equal(pull(name), [], 'leased')
    two = pull_some(name, 1)[0]
    true(8 < time.monotonic() - began < 25, 'came again at its deadline: %.1f s' % (time.monotonic() - began))
    equal(two.message.message_id, one.message.message_id)
    true(two.ack_id != one.ack_id, 'an id for each delivery')
    sub.modify_ack_deadline(subscription=name, ack_ids=[two.ack_id], ack_deadline_seconds=0)
    three = pull_some(name, 1, 5)[0]
    sub.modify_ack_deadline(subscription=name, ack_ids=[three.ack_id], ack_deadline_seconds=600)
    sub.acknowledge(subscription=name, ack_ids=[three.ack_id])
    sub.acknowledge(subscription=name, ack_ids=[three.ack_id])
    true(is_empty(name), 'acknowledged')


@case('pull: one that waits gets what is published meanwhile')
def pull_waits():
    topic, name = make_subscription()
    threading.Timer(1.0, lambda: publish(topic, b'late')).start()
    answer = sub.pull(subscription=name, max_messages=10, timeout=30)
    equal([r.message.data for r in answer.received_messages], [b'late'])


@case('streaming pull: everything arrives, is acknowledged, and does not come again')
def stream_ack():
    topic, name = make_subscription()
    with Stream(name) as stream:
        publish(topic, *[b'%d' % n for n in range(2000)])
        wait_for('2,000 messages', lambda: len({m.message_id for m in stream.got}) == 2000, 60)
        wait_for('all acknowledged', lambda: is_empty(name))
        equal(len(stream.got), 2000, 'deliveries')


@case('streaming pull: nack brings a message again')
def stream_nack():
    topic, name = make_subscription()
    times = {}

    def often(message):
        times[message.data] = times.get(message.data, 0) + 1
        (message.ack if times[message.data] == 3 else message.nack)()
    with Stream(name, often):
        publish(topic, b'a', b'b', b'c')
        wait_for('three times each', lambda: list(times.values()) == [3, 3, 3])
        wait_for('acknowledged', lambda: is_empty(name))


@case('streaming pull: modify_ack_deadline of one message')
def stream_modify():
    topic, name = make_subscription()
    seen = []

    def first_back(message):
        seen.append(message)
        if len(seen) == 1:
            message.modify_ack_deadline(0)
            message.drop()
        else:
            message.ack()
    with Stream(name, first_back):
        publish(topic, b'a')
        wait_for('the second delivery', lambda: len(seen) == 2, 10)
        wait_for('acknowledged', lambda: is_empty(name))


@case('streaming pull: what a client held that went away comes to another one')
def stream_gone():
    topic, name = make_subscription(ack_deadline_seconds=10)
    publish(topic, b'held')
    with Stream(name, lambda m: None) as stream:
        wait_for('the message', lambda: stream.got)
    equal(pull_some(name, 1, 90)[0].message.data, b'held')


@case('streaming pull: ends with NotFound when its subscription is deleted')
def stream_deleted():
    _, name = make_subscription()
    with Stream(name) as stream:
        publish(sub.get_subscription(subscription=name).topic, b'x')
        wait_for('the stream', lambda: stream.got)
        sub.delete_subscription(subscription=name)
        raises(err.NotFound, stream.future.result, 30)


@case('streaming pull: of a subscription that is not there: NotFound')
def stream_missing():
    from cases import subscription_name
    with Stream(subscription_name()) as stream:
        raises(err.NotFound, stream.future.result, 30)


@case('ordering: keys in order, beside each other')
def ordering():
    topic, name = make_subscription(enable_message_ordering=True)
    ordered = pubsub_v1.PublisherClient(publisher_options=types.PublisherOptions(enable_message_ordering=True))
    futures = [ordered.publish(topic, b'%d' % n, ordering_key='key-%d' % (n % 3)) for n in range(90)]
    for f in futures:
        f.result(60)
    with Stream(name) as stream:
        wait_for('90 messages', lambda: len(stream.got) >= 90, 60)
    for key in range(3):
        got = [int(m.data) for m in stream.got if m.ordering_key == 'key-%d' % key]
        equal(got, list(range(key, 90, 3)), 'order of key %d' % key)


@case('ordering: a nack brings the tail of its key again, in order')
def ordering_nack():
    topic, name = make_subscription(enable_message_ordering=True)
    ordered = pubsub_v1.PublisherClient(publisher_options=types.PublisherOptions(enable_message_ordering=True))
    for f in [ordered.publish(topic, b'%d' % n, ordering_key='k') for n in range(6)]:
        f.result(60)
    refused = []

    def once(message):
        if message.data == b'2' and not refused:
            refused.append(len(stream.got))
            message.nack()
        else:
            message.ack()
    with Stream(name, once) as stream:
        wait_for('all', lambda: is_empty(name), 60)
    order = [int(m.data) for m in stream.got]
    equal(order[:3], [0, 1, 2], 'the first')
    last = {n: i for i, n in enumerate(order)}
    equal(sorted(last, key=last.get), list(range(6)), 'the last delivery of each')
    equal(order.count(2), 2, 'deliveries of what was refused')


@case('exactly-once: acknowledgements are confirmed, stale ids refused')
def exactly_once():
    topic, name = make_subscription(enable_exactly_once_delivery=True, ack_deadline_seconds=10)
    results, kept = [], []

    def confirm(message):
        if message.data == b'good':
            results.append(message.ack_with_response())
        else:
            kept.append(message)
    with Stream(name, confirm):
        publish(topic, b'good')
        wait_for('it', lambda: results)
        equal(results[0].result(30), sub_err.AcknowledgeStatus.SUCCESS)
        publish(topic, b'twice')
        wait_for('the other', lambda: kept)
        equal(kept[0].nack_with_response().result(30), sub_err.AcknowledgeStatus.SUCCESS)
        wait_for('it again', lambda: len(kept) == 2)
        error = raises(sub_err.AcknowledgeError, kept[0].ack_with_response().result, 30)
        equal(error.error_code, sub_err.AcknowledgeStatus.INVALID_ACK_ID)
        equal(kept[1].ack_with_response().result(30), sub_err.AcknowledgeStatus.SUCCESS)
        wait_for('all acknowledged', lambda: is_empty(name))


@case('exactly-once: an expired lease no longer acknowledges; the error names the id')
def exactly_once_expired():
    topic, name = make_subscription(enable_exactly_once_delivery=True, ack_deadline_seconds=10)
    publish(topic, b'x')
    one = pull_some(name, 1)[0]
    two = pull_some(name, 1)[0]
    for call, more in ((sub.acknowledge, {}), (sub.modify_ack_deadline, {'ack_deadline_seconds': 20})):
        try:
            call(subscription=name, ack_ids=[one.ack_id], **more)
            raise AssertionError('an expired id was accepted')
        except (err.InvalidArgument, err.FailedPrecondition) as error:
            info = [d for d in error.details if type(d).__name__ == 'ErrorInfo'][0]
            equal(info.domain, 'pubsub.googleapis.com')
            equal(dict(info.metadata), {one.ack_id: 'PERMANENT_FAILURE_INVALID_ACK_ID'})
    sub.acknowledge(subscription=name, ack_ids=[two.ack_id])
    true(is_empty(name), 'acknowledged')


@case('dead letters: moved after the attempts, with their attributes')
def dead_letters():
    dead_topic, dead = make_subscription()
    topic, name = make_subscription(dead_letter_policy={'dead_letter_topic': dead_topic, 'max_delivery_attempts': 5})
    attempts = []
    with Stream(name, lambda m: (attempts.append(m.delivery_attempt), m.nack())):
        sent = publish(topic, b'poison', kind='bad')[0]
        moved = pull_some(dead, 1)[0]
    equal(attempts, [1, 2, 3, 4, 5])
    equal(moved.message.data, b'poison')
    attributes = dict(moved.message.attributes)
    when = attributes.pop('CloudPubSubDeadLetterSourceTopicPublishTime')
    true(when, 'a time')
    equal(attributes, {'kind': 'bad', 'CloudPubSubDeadLetterSourceDeliveryCount': '5',
                       'CloudPubSubDeadLetterSourceSubscription': name.split('/')[-1],
                       'CloudPubSubDeadLetterSourceSubscriptionProject': name.split('/')[1]})
    true(moved.message.message_id != sent, 'published anew')
    true(is_empty(name), 'gone from the source')


@case('dead letters: deadlines count as attempts, extensions do not', first=True)
def dead_by_deadline():
    dead_topic, dead = make_subscription()
    topic, name = make_subscription(ack_deadline_seconds=10, dead_letter_policy={
        'dead_letter_topic': dead_topic, 'max_delivery_attempts': 5})
    publish(topic, b'x')
    for attempt in range(1, 6):
        got = pull_some(name, 1, 40)[0]
        equal(got.delivery_attempt, attempt)
        if attempt == 1:
            quiet(3)
            sub.modify_ack_deadline(subscription=name, ack_ids=[got.ack_id], ack_deadline_seconds=10)
        if attempt in (2, 3):
            sub.modify_ack_deadline(subscription=name, ack_ids=[got.ack_id], ack_deadline_seconds=0)
    equal(pull_some(dead, 1)[0].message.data, b'x')


@case('retry policy: waits grow from the minimum, after a nack')
def retry_policy():
    topic, name = make_subscription(retry_policy={'minimum_backoff': seconds(2), 'maximum_backoff': seconds(20)})
    times = []

    def back(message):
        times.append(time.monotonic())
        (message.ack if len(times) == 4 else message.nack)()
    with Stream(name, back):
        publish(topic, b'x')
        wait_for('four deliveries', lambda: len(times) == 4, 90)
    waits = [b - a for a, b in zip(times, times[1:])]
    true(waits[0] >= 1.8 and waits[0] < 12, 'the first wait: %r' % waits)
    true(waits[2] > waits[0], 'they grow: %r' % waits)


@case('filters: the documented grammar')
def filters():
    topic = make_topic()
    rows = {
        'attributes:kind': {0, 1, 2, 3}, 'attributes.kind = "a"': {0, 3}, 'attributes.kind != "a"': {1, 2, 4},
        'NOT attributes:kind': {4}, 'hasPrefix(attributes.name, "be")': {1, 2},
        'attributes.kind = "a" AND attributes.name = "alpha"': {0},
        'attributes.name = "alpha" OR attributes.name = "beta"': {0, 1},
        '(attributes.kind = "a" OR attributes.kind = "b") AND NOT hasPrefix(attributes.name, "be")': {0, 3},
        'attributes."x-y.z" = "1"': {3}, '-attributes:kind': {4}, 'attributes.kind="a"': {0, 3},
        'attributes.kind = "A"': set(), 'attributes.quote = "say \\"hi\\""': {4},
    }
    subscriptions = {f: make_subscription(topic, filter=f)[1] for f in rows}
    sent = [{'kind': 'a', 'name': 'alpha'}, {'kind': 'b', 'name': 'beta'}, {'kind': 'c', 'name': 'bee'},
            {'kind': 'a', 'name': 'Beta', 'x-y.z': '1'}, {'quote': 'say "hi"'}]
    for n, attributes in enumerate(sent):
        publish(topic, b'%d' % n, **attributes)
    for text, wanted in rows.items():
        got = pull_some(subscriptions[text], len(wanted)) + pull(subscriptions[text])
        equal({int(r.message.data) for r in got}, wanted, text)
        acknowledge(subscriptions[text], got) if got else None
        true(is_empty(subscriptions[text]), 'what does not match is no backlog: ' + text)
    for bad in ('attributes.a = "x" AND attributes.b = "y" OR attributes.c = "z"', 'attributes.a == "x"', 'a = "x"',
                'attributes.a = x', 'hasPrefix(attributes.a)', 'attributes.a < "x"', '(attributes:a'):
        raises(err.InvalidArgument, make_subscription, topic, filter=bad)


@case('flow control: never more outstanding than the client asked for')
def flow_control():
    topic, name = make_subscription()
    publish(topic, *[b'%d' % n for n in range(60)])
    lock, now, most = threading.Lock(), itertools.count(), [0, 0]

    def work(message):
        with lock:
            most[0] += 1
            most[1] = max(most)
        quiet(0.05)
        with lock:
            most[0] -= 1
        message.ack()
    with Stream(name, work, flow_control=types.FlowControl(max_messages=4)) as stream:
        wait_for('all', lambda: len(stream.got) == 60, 60)
        wait_for('all acknowledged', lambda: is_empty(name))
    true(most[1] <= 4, 'outstanding: %d' % most[1])
    del now


@case('flow control: what lies beyond the bound stays with the service')
def flow_held():
    topic, name = make_subscription()
    publish(topic, *[b'%d' % n for n in range(12)])
    with Stream(name, lambda m: None, flow_control=types.FlowControl(max_messages=5)) as stream:
        wait_for('five', lambda: len(stream.got) == 5)
        rest = pull_some(name, 7)
        equal(len({r.message.message_id for r in rest} & {m.message_id for m in stream.got}), 0, 'given twice')


@case('two subscribers share a subscription, two subscriptions each get all')
def sharing():
    topic, shared = make_subscription()
    _, other = make_subscription(topic)
    with Stream(shared) as one, Stream(shared) as two, Stream(other) as three:
        publish(topic, *[b'%d' % n for n in range(300)])
        wait_for('all of both', lambda: len(one.got) + len(two.got) >= 300 and len(three.got) >= 300)
        wait_for('acknowledged', lambda: is_empty(shared) and is_empty(other))
    equal(len({m.message_id for m in one.got + two.got}), 300)
    equal(len(one.got) + len(two.got), 300, 'each once')


@case('messages of 10 MB: published, pulled, streamed')
def large():
    topic, name = make_subscription()
    body = bytes(range(250)) * 39_000
    roomy(pubsub_v1.PublisherClient).publish(topic, body, size='large').result(60)
    client = roomy(pubsub_v1.SubscriberClient)
    got = client.pull(subscription=name, max_messages=10, timeout=60).received_messages
    equal([r.message.data == body for r in got], [True])
    client.modify_ack_deadline(subscription=name, ack_ids=[got[0].ack_id], ack_deadline_seconds=0)
    seen = []
    future = client.subscribe(name, lambda m: (seen.append(m.data == body), m.ack()))
    wait_for('it on the stream', lambda: seen, 60)
    future.cancel()
    equal(seen, [True])


@case('many messages of 1 MB: no answer passes 4 MiB, which would starve this library')
def not_too_large():
    topic, name = make_subscription()
    publish(topic, *[b'x' * 1_000_000 for _ in range(12)])
    with Stream(name) as stream:
        wait_for('all', lambda: len(stream.got) == 12, 60)
        wait_for('acknowledged', lambda: is_empty(name))


@case('retention: delivery goes on over it, times are as published')
def times():
    topic, name = make_subscription(message_retention_duration=seconds(600))
    publish(topic, b'x')
    got = pull_some(name, 1)[0]
    true(abs(got.message.publish_time.timestamp() - time.time()) < timedelta(minutes=1).total_seconds(), 'the time')
