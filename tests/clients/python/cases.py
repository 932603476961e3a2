"""What the Python suites share: the table of cases, checks, clients that point at the local cloud.

Cases run side by side, a thread each: most of them wait. Each prints one line of TAP.
"""
import concurrent.futures
import itertools
import os
import sys
import threading
import time
import traceback

import grpc
from google.cloud import pubsub_v1

HOST = os.environ['PUBSUB_EMULATOR_HOST']
PROJECT = 'projects/python'
_cases = []
_ids = itertools.count(1)
_lock = threading.Lock()


def case(name, first=False):
    """Decorates a function: one case, one line of TAP. first: it takes long, so it begins before the others."""
    def add(function):
        _cases.append((not first, len(_cases), name, function))
        return function
    return add


def fresh(kind):
    """An id that no other case has."""
    return '%s-%d' % (kind, next(_ids))


def topic_name():
    return PROJECT + '/topics/' + fresh('topic')


def subscription_name():
    return PROJECT + '/subscriptions/' + fresh('sub')


def equal(got, wanted, what=''):
    if got != wanted:
        raise AssertionError('%s: got %r, wanted %r' % (what, got, wanted))


def true(ok, what):
    if not ok:
        raise AssertionError(what)


def raises(kind, call, *args, says='', **more):
    """The call fails with just this class of google.api_core.exceptions; returns the error."""
    try:
        got = call(*args, **more)
    except Exception as error:
        if type(error) is not kind:
            raise AssertionError('%s came, %s is documented: %s' % (type(error).__name__, kind.__name__, error))
        if says not in str(error):
            raise AssertionError('the error does not say %r: %s' % (says, error))
        return error
    raise AssertionError('%s is documented; it was accepted: %r' % (kind.__name__, got))


def wait_for(what, condition, seconds=40):
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError('waited in vain for: ' + what)
        threading.Event().wait(0.02)


def quiet(seconds):
    """For what must not happen within that time."""
    threading.Event().wait(seconds)


class Shared:
    """One client of each kind; they are safe to share, as their users do."""
    publisher = pubsub_v1.PublisherClient()
    subscriber = pubsub_v1.SubscriberClient()


def make_topic(**fields):
    name = topic_name()
    Shared.publisher.create_topic(request={'name': name, **fields})
    return name


def make_subscription(topic=None, **fields):
    """(topic, subscription)"""
    topic = topic or make_topic()
    name = subscription_name()
    Shared.subscriber.create_subscription(request={'name': name, 'topic': topic, **fields})
    return topic, name


def publish(topic, *datas, **attributes):
    futures = [Shared.publisher.publish(topic, d, **attributes) for d in datas]
    return [f.result(30) for f in futures]


def pull(subscription, count=100, timeout=5):
    """What is there now, as a list; nothing after the timeout is an empty one."""
    answer = Shared.subscriber.pull(request={'subscription': subscription, 'max_messages': count,
                                             'return_immediately': True}, timeout=timeout)
    return list(answer.received_messages)


def pull_some(subscription, count, seconds=30):
    """Waits until so many have come; each is leased by us then."""
    got = []

    def more():
        if len(got) < count:
            got.extend(pull(subscription, count - len(got)))
        return len(got) >= count
    wait_for('%d messages of %s, %d came' % (count, subscription, len(got)), more, seconds)
    return got


def acknowledge(subscription, received):
    Shared.subscriber.acknowledge(request={'subscription': subscription, 'ack_ids': [r.ack_id for r in received]})


def is_empty(subscription):
    """By the local cloud's own count, which no client library has."""
    import json
    import urllib.request
    with urllib.request.urlopen('http://%s/v1/%s:backlog' % (HOST, subscription), timeout=10) as answer:
        return int(json.load(answer)['unacked']) == 0


class Stream:
    """subscribe() with a callback; what came is in .got. with Stream(s, callback) as stream: ..."""

    def __init__(self, subscription, on_message=None, **more):
        self.got = []
        self.client = pubsub_v1.SubscriberClient()
        self.on_message = on_message or (lambda m: m.ack())
        # An error that comes at once can make subscribe() itself raise AttributeError: a race in the library.
        for _ in range(5):
            try:
                self.future = self.client.subscribe(subscription, callback=self._take, **more)
                break
            except AttributeError:
                continue

    def _take(self, message):
        self.got.append(message)
        self.on_message(message)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.future.cancel()
        try:
            self.future.result(30)
        except (Exception, concurrent.futures.CancelledError):
            pass
        self.client.close()


def roomy(kind):
    """A client whose channel takes large messages: with PUBSUB_EMULATOR_HOST alone gRPC's 4 MiB bound holds."""
    channel = grpc.insecure_channel(HOST, [('grpc.max_receive_message_length', -1)])
    if kind is pubsub_v1.SubscriberClient:
        from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport as transport
    else:
        from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport as transport
    return kind(transport=transport(channel=channel))


def run(threads=16):
    print('TAP version 13')
    wanted = os.environ.get('ONLY', '')
    cases = [c[2:] for c in sorted(_cases, key=lambda c: c[:2]) if wanted in c[2]]
    count, failed = itertools.count(1), []

    def one(name, function):
        began = time.monotonic()
        try:
            function()
            said, ok = '', True
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)
            lines = [f for f in where if os.path.dirname(f.filename) == os.path.dirname(os.path.abspath(__file__))]
            said = '# %s: %s (%s)\n' % (type(error).__name__, str(error).replace('\n', ' | ')[:1500],
                                      ', '.join('%s:%d' % (os.path.basename(f.filename), f.lineno) for f in lines))
            ok = False
        with _lock:
            if not ok:
                failed.append(name)
            took = time.monotonic() - began
            said += '# %.0f s\n' % took if took > 20 else ''
            print('%s%s %d - %s' % (said, 'ok' if ok else 'not ok', next(count), name), flush=True)

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda c: one(*c), cases))
    print('1..%d' % len(cases), flush=True)
    sys.stdout.flush()
    os._exit(1 if failed or not cases else 0)    # gRPC's threads would keep a failed run alive
