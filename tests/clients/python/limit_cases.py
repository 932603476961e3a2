"""Limits and errors of data: each provoked, each with the documented code."""
from cases import (PROJECT, Shared, case, equal, is_empty, make_subscription, make_topic, publish, pull, pull_some,
                   raises, subscription_name, topic_name)
from google.api_core import exceptions as err
from google.pubsub_v1 import PublisherClient

pub, sub = Shared.publisher, Shared.subscriber


def send(topic, *messages):
    """The plain call: the batching publisher would refuse some of these by itself."""
    return PublisherClient.publish(pub, topic=topic, messages=list(messages))


@case('publish: refused as documented, and nothing of the batch stays')
def publish_refused():
    topic, name = make_subscription()
    many = {'a%d' % n: 'x' for n in range(101)}
    for messages in ([], [{}], [{'data': b'good'}, {}], [{'data': b'x', 'attributes': many}],
                     [{'data': b'x', 'attributes': {'k' * 257: 'v'}}], [{'data': b'x', 'attributes': {'k': 'v' * 1025}}],
                     [{'data': b'x', 'attributes': {'google-x': 'v'}}], [{'data': b'x', 'attributes': {'': 'v'}}],
                     [{'data': b'x', 'ordering_key': 'k' * 1025}], [{'data': b'x'}] * 1001):
        raises(err.InvalidArgument, send, topic, *messages)
    equal(pull(name), [])
    send(topic, {'data': b'x', 'attributes': {'k' * 256: 'v' * 1024}, 'ordering_key': 'k' * 1024})
    send(topic, {'data': b'x', 'attributes': {'a%d' % n: 'x' for n in range(100)}})
    equal(len(send(topic, *[{'data': b'x'}] * 1000).message_ids), 1000)


@case('publish: a request over 10 MB is refused')
def publish_large():
    topic, name = make_subscription()
    raises(err.InvalidArgument, send, topic, {'data': b'x' * 10_485_761})
    raises(err.InvalidArgument, send, topic, *[{'data': b'x' * 1_000_000}] * 11)
    equal(is_empty(name), True)


@case('publish: to a topic that is not there: NotFound')
def publish_missing():
    raises(err.NotFound, send, topic_name(), {'data': b'x'})
    raises(err.NotFound, pub.publish(topic_name(), b'x').result, 30)
    raises(err.InvalidArgument, send, PROJECT + '/topics/', {'data': b'x'})


@case('pull: max_messages must be positive')
def pull_refused():
    _, name = make_subscription()
    for count in (0, -1):
        raises(err.InvalidArgument, sub.pull, request={'subscription': name, 'max_messages': count})
    raises(err.InvalidArgument, sub.pull, request={'subscription': '', 'max_messages': 1})


@case('acknowledge and modify: ids and deadlines that are refused')
def ack_refused():
    topic, name = make_subscription()
    raises(err.InvalidArgument, sub.acknowledge, subscription=name, ack_ids=[])
    raises(err.InvalidArgument, sub.acknowledge, subscription=name, ack_ids=['not an id'])
    raises(err.InvalidArgument, sub.modify_ack_deadline, subscription=name, ack_ids=[], ack_deadline_seconds=10)
    raises(err.InvalidArgument, sub.modify_ack_deadline, subscription=name, ack_ids=['x'], ack_deadline_seconds=10)
    publish(topic, b'x')
    got = pull_some(name, 1)[0]
    for deadline in (601, -1):
        raises(err.InvalidArgument, sub.modify_ack_deadline, subscription=name, ack_ids=[got.ack_id],
               ack_deadline_seconds=deadline)
    raises(err.NotFound, sub.modify_ack_deadline, subscription=subscription_name(), ack_ids=[got.ack_id],
           ack_deadline_seconds=10)
    raises(err.InvalidArgument, sub.acknowledge, subscription=name, ack_ids=['x' * 1000] * 600)


@case('lists: a page token that nobody gave is refused, a large page size is not')
def pages_refused():
    topic = make_topic()
    raises(err.InvalidArgument, lambda: list(pub.list_topics(request={'project': PROJECT, 'page_token': 'garbage'})))
    raises(err.InvalidArgument, lambda: list(pub.list_topics(request={'project': 'nonsense'})))
    list(pub.list_topics(request={'project': PROJECT, 'page_size': 1000}))
    equal(list(pub.list_topic_subscriptions(topic=topic)), [])


@case('errors say the documented words')
def words():
    raises(err.NotFound, pub.get_topic, topic=topic_name(), says='not found')
    topic = make_topic()
    raises(err.AlreadyExists, pub.create_topic, name=topic, says='already exists')
