"""The same service by its REST form: this library's REST transport."""
from cases import HOST, PROJECT, acknowledge, case, equal, fresh, is_empty, raises, true
from google.api_core import exceptions as err
from google.auth.credentials import AnonymousCredentials
from google.protobuf import duration_pb2, field_mask_pb2
from google.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1.services.publisher.transports import PublisherRestTransport
from google.pubsub_v1.services.subscriber.transports import SubscriberRestTransport


def clients():
    how = {'host': HOST, 'url_scheme': 'http', 'credentials': AnonymousCredentials()}
    return (PublisherClient(transport=PublisherRestTransport(**how)),
            SubscriberClient(transport=SubscriberRestTransport(**how)))


@case('REST: topics and subscriptions, made, read, changed, listed, deleted')
def rest_admin():
    pub, sub = clients()
    project = 'projects/python-' + fresh('rest')
    topic, name = project + '/topics/one', project + '/subscriptions/one'
    equal(dict(pub.create_topic(request={'name': topic, 'labels': {'a': 'b'}}).labels), {'a': 'b'})
    made = sub.create_subscription(request={
        'name': name, 'topic': topic, 'ack_deadline_seconds': 20, 'filter': 'attributes:k',
        'message_retention_duration': duration_pb2.Duration(seconds=900), 'enable_message_ordering': True})
    equal((made.ack_deadline_seconds, made.filter, made.message_retention_duration.total_seconds(),
           made.enable_message_ordering), (20, 'attributes:k', 900.0, True))
    got = sub.update_subscription(subscription={'name': name, 'labels': {'x': 'y'}},
                                  update_mask=field_mask_pb2.FieldMask(paths=['labels']))
    equal(dict(got.labels), {'x': 'y'})
    got = pub.update_topic(topic={'name': topic, 'labels': {'c': 'd'}},
                           update_mask=field_mask_pb2.FieldMask(paths=['labels']))
    equal(dict(got.labels), {'c': 'd'})
    equal([t.name for t in pub.list_topics(project=project)], [topic])
    equal([s.name for s in sub.list_subscriptions(project=project)], [name])
    equal(list(pub.list_topic_subscriptions(topic=topic)), [name])
    sub.delete_subscription(subscription=name)
    raises(err.NotFound, sub.get_subscription, subscription=name)
    pub.delete_topic(topic=topic)
    raises(err.NotFound, pub.get_topic, topic=topic)


@case('REST: publish, pull, acknowledge')
def rest_data():
    pub, sub = clients()
    topic, name = PROJECT + '/topics/' + fresh('rest'), PROJECT + '/subscriptions/' + fresh('rest')
    pub.create_topic(name=topic)
    sub.create_subscription(name=name, topic=topic)
    ids = pub.publish(topic=topic, messages=[{'data': bytes(range(256)), 'attributes': {'k': 'v'}},
                                             {'data': b'2', 'ordering_key': 'o'}]).message_ids
    equal(len(set(ids)), 2)
    got = list(sub.pull(request={'subscription': name, 'max_messages': 10}).received_messages)
    equal(sorted(r.message.data for r in got), [bytes(range(256)), b'2'])
    sub.modify_ack_deadline(subscription=name, ack_ids=[r.ack_id for r in got], ack_deadline_seconds=30)
    acknowledge(name, got)
    true(is_empty(name), 'acknowledged')


@case('REST: errors by status, as over gRPC')
def rest_errors():
    pub, sub = clients()
    missing = PROJECT + '/topics/' + fresh('missing')
    raises(err.NotFound, pub.get_topic, topic=missing)
    pub.create_topic(name=missing)
    raises(err.Conflict, pub.create_topic, name=missing)
    raises(err.BadRequest, pub.create_topic, name=PROJECT + '/topics/ab')
    raises(err.BadRequest, pub.publish, topic=missing, messages=[{}])
    raises(err.NotFound, sub.pull, subscription=PROJECT + '/subscriptions/' + fresh('missing'), max_messages=1)
