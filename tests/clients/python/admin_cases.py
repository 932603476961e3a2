"""Topics, subscriptions, snapshots: made, read, listed, changed, deleted."""
from datetime import timedelta

from cases import (PROJECT, Shared, case, equal, fresh, make_subscription, make_topic, publish, pull, pull_some,
                   acknowledge, raises, subscription_name, topic_name, true, wait_for)
from google.api_core import exceptions as err
from google.protobuf import duration_pb2, field_mask_pb2
from google.pubsub_v1 import types

pub, sub = Shared.publisher, Shared.subscriber


def mask(*paths):
    return field_mask_pb2.FieldMask(paths=paths)


def seconds(n):
    return duration_pb2.Duration(seconds=n)


@case('topics: every field that was set comes back')
def topic_fields():
    name = topic_name()
    made = pub.create_topic(request={'name': name, 'labels': {'team': 'lab', 'stage': 'test'},
                                     'message_retention_duration': seconds(3600)})
    for topic in (made, pub.get_topic(topic=name)):
        equal(topic.name, name)
        equal(dict(topic.labels), {'team': 'lab', 'stage': 'test'})
        equal(topic.message_retention_duration, timedelta(hours=1))


@case('topics: lists are paged, and complete')
def topic_pages():
    project = 'projects/python-' + fresh('pages')
    names = ['%s/topics/t-%d' % (project, n) for n in range(7)]
    for name in names:
        pub.create_topic(name=name)
    pages = list(pub.list_topics(request={'project': project, 'page_size': 3}).pages)
    true(len(pages) >= 3 and all(len(p.topics) <= 3 for p in pages), 'pages of at most three')
    equal(sorted(t.name for p in pages for t in p.topics), sorted(names))
    equal(list(pub.list_topics(project='projects/python-nothing-here')), [])


@case('topics: updates change what the mask names, and nothing else')
def topic_update():
    name = make_topic(labels={'a': '1'}, message_retention_duration=seconds(600))
    got = pub.update_topic(topic={'name': name, 'labels': {'b': '2'}}, update_mask=mask('labels'))
    equal(dict(got.labels), {'b': '2'})
    got = pub.update_topic(topic={'name': name, 'message_retention_duration': seconds(86400)},
                           update_mask=mask('message_retention_duration'))
    equal(got.message_retention_duration, timedelta(days=1))
    equal(dict(pub.get_topic(topic=name).labels), {'b': '2'})
    got = pub.update_topic(topic={'name': name}, update_mask=mask('message_retention_duration'))
    equal(types.Topic.pb(got).HasField('message_retention_duration'), False, 'retention cleared')


@case('topics: refused updates')
def topic_update_refused():
    name = make_topic()
    raises(err.InvalidArgument, pub.update_topic, topic={'name': name, 'labels': {'b': '2'}})
    raises(err.InvalidArgument, pub.update_topic, topic={'name': name}, update_mask=mask('no_such_field'))
    raises(err.InvalidArgument, pub.update_topic, topic={'name': name}, update_mask=mask('name'))
    raises(err.NotFound, pub.update_topic, topic={'name': topic_name(), 'labels': {'b': '2'}},
           update_mask=mask('labels'))


@case('topics: deleted, their subscriptions stay without a topic')
def topic_delete():
    topic, subscription = make_subscription()
    publish(topic, b'kept')
    pub.delete_topic(topic=topic)
    raises(err.NotFound, pub.get_topic, topic=topic)
    raises(err.NotFound, pub.delete_topic, topic=topic)
    equal(sub.get_subscription(subscription=subscription).topic, '_deleted-topic_')
    equal(pull_some(subscription, 1)[0].message.data, b'kept')
    pub.create_topic(name=topic)
    publish(topic, b'of another topic')
    equal(pull(subscription), [], 'a new topic of that name is not theirs')
    equal(list(pub.list_topic_subscriptions(topic=topic)), [])


@case('topics: their subscriptions are listed in pages')
def topic_subscriptions():
    topic = make_topic()
    names = [make_subscription(topic)[1] for _ in range(5)]
    pages = list(pub.list_topic_subscriptions(request={'topic': topic, 'page_size': 2}).pages)
    true(len(pages) >= 3, 'three pages')
    equal(sorted(s for p in pages for s in p.subscriptions), sorted(names))


@case('topics: NotFound, AlreadyExists, names that are refused')
def topic_errors():
    name = make_topic()
    raises(err.AlreadyExists, pub.create_topic, name=name)
    raises(err.NotFound, pub.get_topic, topic=topic_name())
    for bad in ('ab', '1digit-first', 'google-is-theirs', 'goog', 'x' * 256, 'sp ace', 'sla/sh', ''):
        raises(err.InvalidArgument, pub.create_topic, name='%s/topics/%s' % (PROJECT, bad))
    for good in ('abc', 'a' * 255, 'a-b_c.d~e+f%g'):
        pub.create_topic(name='projects/python-%s/topics/%s' % (fresh('names'), good))
    for days in (0, 32):
        raises(err.InvalidArgument, pub.create_topic,
               request={'name': topic_name(), 'message_retention_duration': seconds(days * 86400 + 1)})


@case('subscriptions: every field that was set comes back')
def subscription_fields():
    topic, dead = make_topic(), make_topic()
    name = subscription_name()
    want = {
        'name': name, 'topic': topic, 'ack_deadline_seconds': 33, 'retain_acked_messages': True,
        'message_retention_duration': seconds(1200), 'labels': {'k': 'v'}, 'enable_message_ordering': True,
        'expiration_policy': {'ttl': seconds(2 * 86400)}, 'filter': 'attributes.kind = "a"',
        'dead_letter_policy': {'dead_letter_topic': dead, 'max_delivery_attempts': 7},
        'retry_policy': {'minimum_backoff': seconds(2), 'maximum_backoff': seconds(60)},
        'enable_exactly_once_delivery': True,
    }
    made = sub.create_subscription(request=want)
    for got in (made, sub.get_subscription(subscription=name)):
        for field, value in types.Subscription(want).__class__.to_dict(types.Subscription(want)).items():
            if field in want:
                equal(types.Subscription.to_dict(got)[field], value, field)
        equal(got.state, types.Subscription.State.ACTIVE, 'state')


@case('subscriptions: defaults as documented')
def subscription_defaults():
    _, name = make_subscription()
    got = sub.get_subscription(subscription=name)
    equal(got.ack_deadline_seconds, 10)
    equal(got.message_retention_duration, timedelta(days=7))
    equal(got.expiration_policy.ttl, timedelta(days=31))
    equal(types.Subscription.pb(got).HasField('retry_policy'), False, 'retry_policy')
    equal(types.Subscription.pb(got).HasField('dead_letter_policy'), False, 'dead_letter_policy')
    equal((got.detached, got.retain_acked_messages, got.enable_message_ordering), (False, False, False))
    never = subscription_name()
    sub.create_subscription(request={'name': never, 'topic': make_topic(), 'expiration_policy': {}})
    got = types.Subscription.pb(sub.get_subscription(subscription=never))
    true(got.HasField('expiration_policy') and not got.expiration_policy.HasField('ttl'), 'never expires')
    dead = subscription_name()
    got = sub.create_subscription(request={'name': dead, 'topic': make_topic(), 'dead_letter_policy': {
        'dead_letter_topic': make_topic()}, 'retry_policy': {}})
    equal(got.dead_letter_policy.max_delivery_attempts, 5)
    equal(got.retry_policy.minimum_backoff, timedelta(seconds=10))
    equal(got.retry_policy.maximum_backoff, timedelta(seconds=600))


@case('subscriptions: updates by mask')
def subscription_update():
    topic, name = make_subscription(labels={'a': '1'})
    dead = make_topic()

    def change(path, **fields):
        return sub.update_subscription(subscription={'name': name, **fields}, update_mask=mask(path))
    equal(change('ack_deadline_seconds', ack_deadline_seconds=77).ack_deadline_seconds, 77)
    equal(dict(change('labels', labels={'b': '2'}).labels), {'b': '2'})
    got = change('dead_letter_policy', dead_letter_policy={'dead_letter_topic': dead, 'max_delivery_attempts': 9})
    equal(got.dead_letter_policy.max_delivery_attempts, 9)
    got = change('retry_policy', retry_policy={'minimum_backoff': seconds(1), 'maximum_backoff': seconds(5)})
    equal(got.retry_policy.maximum_backoff, timedelta(seconds=5))
    equal(change('expiration_policy', expiration_policy={'ttl': seconds(86400)}).expiration_policy.ttl,
          timedelta(days=1))
    equal(change('message_retention_duration', message_retention_duration=seconds(31 * 86400))
          .message_retention_duration, timedelta(days=31))
    equal(change('retain_acked_messages', retain_acked_messages=True).retain_acked_messages, True)
    equal(change('enable_exactly_once_delivery', enable_exactly_once_delivery=True)
          .enable_exactly_once_delivery, True)
    got = types.Subscription.pb(change('dead_letter_policy'))
    equal(got.HasField('dead_letter_policy'), False, 'policy taken away')
    got = sub.get_subscription(subscription=name)
    equal((got.ack_deadline_seconds, dict(got.labels), got.topic), (77, {'b': '2'}, topic))


@case('subscriptions: refused updates')
def subscription_update_refused():
    _, name = make_subscription()
    for fields, paths in (({'labels': {'a': 'b'}}, []), ({}, ['no_such_field']), ({'ack_deadline_seconds': 5},
                          ['ack_deadline_seconds']), ({'topic': make_topic()}, ['topic']),
                          ({'enable_message_ordering': True}, ['enable_message_ordering'])):
        raises(err.InvalidArgument, sub.update_subscription, subscription={'name': name, **fields},
               update_mask=mask(*paths))
    raises(err.NotFound, sub.update_subscription, subscription={'name': subscription_name(), 'labels': {}},
           update_mask=mask('labels'))


@case('subscriptions: lists are paged, and complete')
def subscription_pages():
    project = 'projects/python-' + fresh('pages')
    topic = make_topic()
    names = ['%s/subscriptions/s-%d' % (project, n) for n in range(5)]
    for name in names:
        sub.create_subscription(name=name, topic=topic)
    pages = list(sub.list_subscriptions(request={'project': project, 'page_size': 2}).pages)
    true(len(pages) >= 3 and all(len(p.subscriptions) <= 2 for p in pages), 'pages of at most two')
    equal(sorted(s.name for p in pages for s in p.subscriptions), names)


@case('subscriptions: NotFound, AlreadyExists, values that are refused')
def subscription_errors():
    topic, name = make_subscription()
    raises(err.AlreadyExists, sub.create_subscription, name=name, topic=topic)
    raises(err.NotFound, sub.create_subscription, name=subscription_name(), topic=topic_name())
    raises(err.NotFound, sub.get_subscription, subscription=subscription_name())
    raises(err.NotFound, sub.delete_subscription, subscription=subscription_name())
    raises(err.NotFound, sub.pull, subscription=subscription_name(), max_messages=1)
    raises(err.NotFound, sub.acknowledge, subscription=subscription_name(), ack_ids=['x'])
    for fields in ({'ack_deadline_seconds': 9}, {'ack_deadline_seconds': 601}, {'ack_deadline_seconds': -1},
                   {'message_retention_duration': seconds(599)},
                   {'message_retention_duration': seconds(31 * 86400 + 1)},
                   {'expiration_policy': {'ttl': seconds(86399)}},
                   {'filter': 'data = "x"'}, {'filter': 'attributes.a = "%s"' % ('x' * 256)}, {'filter': 'attributes.a ='},
                   {'dead_letter_policy': {'dead_letter_topic': topic, 'max_delivery_attempts': 4}},
                   {'dead_letter_policy': {'dead_letter_topic': topic, 'max_delivery_attempts': 101}},
                   {'retry_policy': {'minimum_backoff': seconds(601)}},
                   {'retry_policy': {'minimum_backoff': seconds(20), 'maximum_backoff': seconds(10)}},
                   {'labels': {'UPPER': 'x'}},
                   {'enable_exactly_once_delivery': True, 'push_config': {'push_endpoint': 'https://localhost/x'}}):
        raises(err.InvalidArgument, sub.create_subscription,
               request={'name': subscription_name(), 'topic': topic, **fields})
    raises(err.InvalidArgument, sub.create_subscription, name=PROJECT + '/subscriptions/ab', topic=topic)
    raises(err.NotFound, sub.create_subscription, request={
        'name': subscription_name(), 'topic': topic, 'dead_letter_policy': {'dead_letter_topic': topic_name()}})


@case('subscriptions: deleted, and gone')
def subscription_delete():
    topic, name = make_subscription()
    sub.delete_subscription(subscription=name)
    raises(err.NotFound, sub.get_subscription, subscription=name)
    raises(err.NotFound, sub.pull, subscription=name, max_messages=1)
    sub.create_subscription(name=name, topic=topic)
    equal(pull(name), [])


@case('subscriptions: detached, they neither get nor give')
def detach():
    topic, name = make_subscription()
    publish(topic, b'before')
    pub.detach_subscription(request={'subscription': name})
    equal(sub.get_subscription(subscription=name).detached, True)
    raises(err.FailedPrecondition, sub.pull, subscription=name, max_messages=1)
    equal(list(pub.list_topic_subscriptions(topic=topic)), [])
    raises(err.NotFound, pub.detach_subscription, request={'subscription': subscription_name()})


@case('subscriptions: a push configuration is kept, and push is said to be absent')
def push():
    _, name = make_subscription()
    try:
        sub.modify_push_config(subscription=name, push_config={'push_endpoint': 'https://localhost:1/push'})
    except err.MethodNotImplemented:
        return
    equal(sub.get_subscription(subscription=name).push_config.push_endpoint, 'https://localhost:1/push')
    sub.modify_push_config(subscription=name, push_config={})
    equal(sub.get_subscription(subscription=name).push_config.push_endpoint, '')


@case('snapshots: made, read, listed, changed, deleted')
def snapshots():
    project = 'projects/python-' + fresh('snapshots')
    topic, name = make_subscription()
    names = ['%s/snapshots/snap-%d' % (project, n) for n in range(3)]
    for snapshot in names:
        made = sub.create_snapshot(request={'name': snapshot, 'subscription': name, 'labels': {'n': 'x'}})
        equal((made.name, made.topic, dict(made.labels)), (snapshot, topic, {'n': 'x'}))
        true(made.expire_time.timestamp() > 0, 'an expiry')
    raises(err.AlreadyExists, sub.create_snapshot, name=names[0], subscription=name)
    raises(err.NotFound, sub.create_snapshot, name=project + '/snapshots/other', subscription=subscription_name())
    pages = list(sub.list_snapshots(request={'project': project, 'page_size': 2}).pages)
    equal(sorted(s.name for p in pages for s in p.snapshots), names)
    true(len(pages) >= 2, 'two pages')
    equal(sorted(pub.list_topic_snapshots(request={'topic': topic})), names)
    got = sub.update_snapshot(request={'snapshot': {'name': names[0], 'labels': {'m': 'y'}},
                                       'update_mask': mask('labels')})
    equal(dict(got.labels), {'m': 'y'})
    equal(dict(sub.get_snapshot(snapshot=names[0]).labels), {'m': 'y'})
    raises(err.InvalidArgument, sub.update_snapshot, request={'snapshot': {'name': names[0]}, 'update_mask': mask()})
    sub.delete_snapshot(snapshot=names[0])
    raises(err.NotFound, sub.get_snapshot, snapshot=names[0])
    raises(err.NotFound, sub.delete_snapshot, snapshot=names[0])


@case('seek: to a snapshot brings back what was acknowledged since')
def seek_snapshot():
    topic, name = make_subscription()
    publish(topic, b'a', b'b')
    snapshot = PROJECT + '/snapshots/' + fresh('seek')
    sub.create_snapshot(name=snapshot, subscription=name)
    publish(topic, b'c')
    acknowledge(name, pull_some(name, 3))
    equal(pull(name), [])
    sub.seek(request={'subscription': name, 'snapshot': snapshot})
    got = pull_some(name, 3)
    equal(sorted(r.message.data for r in got), [b'a', b'b', b'c'])
    raises(err.NotFound, sub.seek, request={'subscription': name, 'snapshot': PROJECT + '/snapshots/none-such'})


@case('seek: to a time replays what is retained, to the future purges')
def seek_time():
    topic, name = make_subscription(retain_acked_messages=True)
    publish(topic, b'early')
    early = pull_some(name, 1)
    acknowledge(name, early)
    publish(topic, b'late')
    late = pull_some(name, 1)
    acknowledge(name, late)
    at = late[0].message.publish_time
    true(at > early[0].message.publish_time, 'publish times rise')
    sub.seek(request={'subscription': name, 'time': at})
    equal([r.message.data for r in pull_some(name, 1)], [b'late'])
    sub.seek(request={'subscription': name, 'time': at - timedelta(hours=1)})
    equal(sorted(r.message.data for r in pull_some(name, 2)), [b'early', b'late'])
    publish(topic, b'purged')
    sub.seek(request={'subscription': name, 'time': at + timedelta(hours=1)})
    equal(pull(name), [])


@case('iam: policies of topics and subscriptions are kept, permissions tested')
def iam():
    topic, name = make_subscription()
    for client, resource, right in ((pub, topic, 'pubsub.topics.publish'),
                                    (sub, name, 'pubsub.subscriptions.consume')):
        policy = client.get_iam_policy(request={'resource': resource})
        policy.bindings.add(role='roles/pubsub.viewer', members=['user:someone@example.com'])
        kept = client.set_iam_policy(request={'resource': resource, 'policy': policy})
        true(kept.etag, 'an etag')
        got = client.get_iam_policy(request={'resource': resource})
        equal([(b.role, list(b.members)) for b in got.bindings],
              [('roles/pubsub.viewer', ['user:someone@example.com'])])
        answer = client.test_iam_permissions(request={'resource': resource, 'permissions': [right]})
        equal(list(answer.permissions), [right])
    raises(err.NotFound, pub.get_iam_policy, request={'resource': topic_name()})


@case('schemas answer UNIMPLEMENTED')
def schemas():
    from google.pubsub_v1 import SchemaServiceClient
    from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
    import grpc
    from cases import HOST
    client = SchemaServiceClient(transport=SchemaServiceGrpcTransport(channel=grpc.insecure_channel(HOST)))
    raises(err.MethodNotImplemented, lambda: list(client.list_schemas(parent=PROJECT)))


@case('what is made is there for the next client at once')
def read_your_writes():
    from google.cloud import pubsub_v1
    name = make_topic()
    other = pubsub_v1.PublisherClient()
    equal(other.get_topic(topic=name).name, name)
    wait_for('the list', lambda: name in [t.name for t in other.list_topics(project=PROJECT)], 5)
