// @google-cloud/pubsub, the same cases for each version.
'use strict';

const {add, assert, fresh, isEmpty, pause, refused, waitFor} = require('./cases');

const INVALID = 3, NOT_FOUND = 5, EXISTS = 6, PRECONDITION = 9, UNIMPLEMENTED = 12;
const IDLE_MS = 130_000;

module.exports = (library, version) => {
  const {PubSub, v1} = library;
  const projectId = `node-${version.replaceAll('.', '-')}`;
  const project = `projects/${projectId}`;
  const client = new PubSub({projectId});
  const it = (name, run, waits) => add(`pubsub ${version}: ${name}`, run, waits);

  async function make(options, topicOptions) {
    const [topic] = await client.createTopic({name: `${project}/topics/${fresh('topic')}`, ...topicOptions});
    const [subscription] = await topic.createSubscription(fresh('sub'), options);
    return [topic, subscription];
  }

  // Opens the stream; .got is all that came.
  function listen(subscription, on = message => message.ack(), options = {}) {
    const stream = client.subscription(subscription.name, options);
    stream.got = [];
    stream.trouble = null;
    stream.on('error', error => (stream.trouble = error));
    stream.on('message', message => {
      stream.got.push(message);
      on(message);
    });
    return stream;
  }

  async function pull(subscription, maxMessages = 100) {
    const [answer] = await subscriber().pull({subscription: subscription.name, maxMessages, returnImmediately: true});
    return answer.receivedMessages;
  }

  async function pullSome(subscription, count) {
    const got = [];
    await waitFor(`${count} messages`, async () => {
      got.push(...(got.length < count ? await pull(subscription, count - got.length) : []));
      return got.length >= count;
    });
    return got;
  }

  let raw;
  function subscriber() {
    if (!raw) {
      const [hostname, port] = process.env.PUBSUB_EMULATOR_HOST.split(':');
      raw = new v1.SubscriberClient({servicePath: hostname, apiEndpoint: hostname, port: Number(port), projectId,
        sslCreds: require('node:module').createRequire(require.resolve(
          `${process.env.KEPT}/node/pubsub${version[0]}/package.json`))('@grpc/grpc-js').credentials.createInsecure()});
    }
    return raw;
  }

  it('a message held idle for two minutes is not delivered twice', async () => {
    const [topic, subscription] = await make({ackDeadlineSeconds: 10});
    let release;
    const held = new Promise(resolve => (release = resolve));
    const stream = listen(subscription, async message => {
      await held;
      message.ack();
    });
    await topic.publishMessage({data: Buffer.from('slow')});
    await waitFor('the message', () => stream.got.length === 1);
    for (const end = Date.now() + IDLE_MS; Date.now() < end; await pause(5000)) {
      assert.deepEqual(await pull(subscription), [], 'another subscriber gets nothing');
    }
    assert.equal(stream.got.length, 1, 'deliveries');
    release();
    await waitFor('the acknowledgement', () => isEmpty(subscription.name));
    await topic.publishMessage({data: Buffer.from('after')});
    await waitFor('a message on the stream that was idle', () => stream.got.length === 2);
    assert.equal(stream.trouble, null);
    await stream.close();
  }, true);

  it('topics: made, read, changed, listed in pages, deleted', async () => {
    const name = `${project}/topics/${fresh('topic')}`;
    const [topic] = await client.createTopic({name, labels: {a: 'b'}, messageRetentionDuration: {seconds: 3600}});
    const [meta] = await topic.getMetadata();
    assert.deepEqual({...meta.labels}, {a: 'b'});
    assert.equal(Number(meta.messageRetentionDuration.seconds), 3600);
    await topic.setMetadata({labels: {c: 'd'}});
    assert.deepEqual({...(await topic.getMetadata())[0].labels}, {c: 'd'});
    assert.equal((await topic.exists())[0], true);
    const other = new PubSub({projectId: `${projectId}-${fresh('pages')}`});
    for (let n = 0; n < 5; n++) {
      await other.createTopic(`t-${n}`);
    }
    const names = [];
    for (let query = {pageSize: 2, autoPaginate: false}; query;) {
      const [page, next] = await other.getTopics(query);
      assert(page.length <= 2, 'the page size');
      names.push(...page.map(t => t.name.split('/').pop()));
      query = next && next.pageToken ? {...next, autoPaginate: false} : null;
    }
    assert.deepEqual(names, ['t-0', 't-1', 't-2', 't-3', 't-4']);
    await refused(EXISTS, 'made twice', () => client.createTopic(name));
    await topic.delete();
    assert.equal((await topic.exists())[0], false);
    await refused(NOT_FOUND, 'deleted', () => topic.getMetadata());
    for (const bad of ['ab', '1x2', 'googly', 'x'.repeat(256)]) {
      await refused(INVALID, bad, () => client.createTopic(bad));
    }
  });

  it('subscriptions: fields come back, updates by mask, refused values', async () => {
    const [dead] = await client.createTopic(fresh('dead'));
    const [topic, subscription] = await make({
      ackDeadlineSeconds: 30, labels: {k: 'v'}, enableMessageOrdering: true, filter: 'attributes:kind',
      messageRetentionDuration: 1200, expirationPolicy: {ttl: {seconds: 100_000}},
      retryPolicy: {minimumBackoff: {seconds: 2}, maximumBackoff: {seconds: 60}},
      deadLetterPolicy: {deadLetterTopic: dead.name, maxDeliveryAttempts: 8}, enableExactlyOnceDelivery: true});
    const [meta] = await subscription.getMetadata();
    assert.deepEqual([meta.ackDeadlineSeconds, {...meta.labels}, meta.enableMessageOrdering, meta.filter, meta.topic],
      [30, {k: 'v'}, true, 'attributes:kind', topic.name]);
    assert.deepEqual([meta.messageRetentionDuration, meta.expirationPolicy.ttl, meta.retryPolicy.minimumBackoff,
      meta.retryPolicy.maximumBackoff].map(d => Number(d.seconds)), [1200, 100_000, 2, 60]);
    assert.deepEqual([meta.deadLetterPolicy.deadLetterTopic, meta.deadLetterPolicy.maxDeliveryAttempts], [dead.name, 8]);
    assert.deepEqual([meta.state, meta.enableExactlyOnceDelivery], ['ACTIVE', true]);
    await subscription.setMetadata({ackDeadlineSeconds: 50, labels: {}});
    const [changed] = await subscription.getMetadata();
    assert.deepEqual([changed.ackDeadlineSeconds, {...changed.labels}, changed.filter], [50, {}, 'attributes:kind']);
    for (const options of [{ackDeadlineSeconds: 9}, {ackDeadlineSeconds: 601}, {messageRetentionDuration: 599},
      {filter: 'nonsense'}, {expirationPolicy: {ttl: {seconds: 60}}}, {retryPolicy: {minimumBackoff: {seconds: 601}}},
      {deadLetterPolicy: {deadLetterTopic: dead.name, maxDeliveryAttempts: 101}}]) {
      await refused(INVALID, JSON.stringify(options), () => topic.createSubscription(fresh('sub'), options));
    }
    await refused(EXISTS, 'made twice', () => topic.createSubscription(subscription.name.split('/').pop()));
    await refused(NOT_FOUND, 'no such topic', () => client.topic('none-such').createSubscription(fresh('sub')));
    const [listed] = await topic.getSubscriptions();
    assert.deepEqual(listed.map(s => s.name), [subscription.name]);
    await subscription.delete();
    await refused(NOT_FOUND, 'deleted', () => subscription.getMetadata());
    await refused(UNIMPLEMENTED, 'schemas', async () => {
      for await (const schema of client.listSchemas()) {
        assert(schema);
      }
    });
  });

  it('subscriptions: detached', async () => {
    const [, subscription] = await make();
    await client.detachSubscription(subscription.name);
    assert.equal((await subscription.detached())[0], true);
    await refused(PRECONDITION, 'pull', () => pull(subscription));
  });

  it('snapshots and seek', async () => {
    const [topic, subscription] = await make({retainAckedMessages: true});
    for (const data of ['a', 'b']) {
      await topic.publishMessage({data: Buffer.from(data)});
    }
    const [snapshot] = await subscription.createSnapshot(fresh('snap'));
    const [names] = await client.getSnapshots();
    assert(names.some(s => s.name === snapshot.name));
    const first = listen(subscription);
    await waitFor('both', async () => first.got.length === 2 && isEmpty(subscription.name));
    await first.close();
    await snapshot.seek();
    const again = await pullSome(subscription, 2);
    await subscriber().acknowledge({subscription: subscription.name, ackIds: again.map(r => r.ackId)});
    await subscription.seek(new Date(Date.now() - 3600_000));
    await pullSome(subscription, 2);
    await subscription.seek(new Date(Date.now() + 3600_000));
    await waitFor('the purge', () => isEmpty(subscription.name));
    await snapshot.delete();
    await refused(NOT_FOUND, 'deleted', () => subscription.seek(snapshot.name.split('/').pop()));
  });

  it('iam: policies and permissions', async () => {
    const [topic, subscription] = await make();
    await topic.iam.setPolicy({bindings: [{role: 'roles/pubsub.viewer', members: ['user:a@example.com']}]});
    const [policy] = await topic.iam.getPolicy();
    assert.deepEqual(policy.bindings.map(b => [b.role, b.members]), [['roles/pubsub.viewer', ['user:a@example.com']]]);
    const [rights] = await subscription.iam.testPermissions(['pubsub.subscriptions.consume']);
    assert.deepEqual(rights, {'pubsub.subscriptions.consume': true});
  });

  it('publish and receive: 3,000 messages, each once, over all of its streams', async () => {
    const [topic, subscription] = await make();
    const stream = listen(subscription);
    const names = await Promise.all(Array.from({length: 3000}, (_, n) =>
      topic.publishMessage({data: Buffer.from(String(n)), attributes: {n: String(n), utf: 'é世'}})));
    assert.equal(new Set(names).size, 3000);
    await waitFor('all', () => stream.got.length >= 3000, 60);
    await waitFor('all acknowledged', () => isEmpty(subscription.name));
    assert.equal(stream.got.length, 3000);
    assert.deepEqual(new Set(stream.got.map(m => m.id)), new Set(names));
    for (const message of stream.got) {
      assert.deepEqual({...message.attributes}, {n: message.data.toString(), utf: 'é世'});
      assert(Math.abs(Date.now() - message.publishTime.getTime()) < 60_000);
    }
    await stream.close();
  });

  it('nack brings a message again; modAck(0) too', async () => {
    const [topic, subscription] = await make();
    let count = 0;
    const stream = listen(subscription, message => {
      count++;
      count === 1 ? message.nack() : count === 2 ? message.modAck(0) : message.ack();
    });
    await topic.publishMessage({data: Buffer.from('x')});
    await waitFor('three deliveries', async () => count === 3 && isEmpty(subscription.name));
    await stream.close();
  });

  it('what a client held that went away comes again', async () => {
    const [topic, subscription] = await make({ackDeadlineSeconds: 10});
    const stream = listen(subscription, () => {});
    await topic.publishMessage({data: Buffer.from('held')});
    await waitFor('the message', () => stream.got.length === 1);
    stream.close().catch(() => {});    // waits for what is held, in newer versions
    assert.equal((await pullSome(subscription, 1))[0].message.data.toString(), 'held');
  });

  it('the stream ends with NOT_FOUND when its subscription goes', async () => {
    const [topic, subscription] = await make();
    const stream = listen(subscription);
    await topic.publishMessage({data: Buffer.from('x')});
    await waitFor('the stream', () => stream.got.length === 1);
    await subscription.delete();
    await waitFor('the error', () => stream.trouble);
    assert.equal(stream.trouble.code, NOT_FOUND);
  });

  it('ordering: keys in order', async () => {
    const [topic, subscription] = await make({enableMessageOrdering: true});
    const ordered = client.topic(topic.name, {messageOrdering: true});
    await Promise.all(Array.from({length: 60}, (_, n) =>
      ordered.publishMessage({data: Buffer.from(String(n)), orderingKey: `key-${n % 3}`})));
    let refusedOnce = false;
    const stream = listen(subscription, message => {
      if (message.data.toString() === '30' && !refusedOnce) {
        refusedOnce = true;
        message.nack();
      } else {
        message.ack();
      }
    });
    await waitFor('all', () => isEmpty(subscription.name), 60);
    const last = new Map();
    stream.got.forEach((message, place) => last.set(Number(message.data), place));
    assert.equal(last.size, 60);
    for (let n = 3; n < 60; n++) {
      assert(last.get(n) > last.get(n - 3), `${n} after ${n - 3}`);
    }
    await stream.close();
  });

  it('exactly-once: acknowledgements are confirmed, an old id is refused', async () => {
    const [topic, subscription] = await make({enableExactlyOnceDelivery: true, ackDeadlineSeconds: 10});
    const kept = [];
    const stream = listen(subscription, message => kept.push(message));
    await topic.publishMessage({data: Buffer.from('x')});
    await waitFor('it', () => kept.length === 1);
    assert.equal(await kept[0].nackWithResponse(), 'SUCCESS');
    await waitFor('it again', () => kept.length === 2);
    assert.equal(await kept[1].ackWithResponse(), 'SUCCESS');
    await waitFor('the end', () => isEmpty(subscription.name));
    await stream.close();
    await topic.publishMessage({data: Buffer.from('y')});
    const [old] = await pullSome(subscription, 1);
    const request = {subscription: subscription.name, ackIds: [old.ackId]};
    await subscriber().modifyAckDeadline({...request, ackDeadlineSeconds: 0});
    await pullSome(subscription, 1);
    const error = await refused(INVALID, 'an old id', () => subscriber().acknowledge(request));
    assert.match(JSON.stringify(error.errorInfoMetadata || error.statusDetails), /PERMANENT_FAILURE_INVALID_ACK_ID/);
  });

  it('dead letters: moved after the attempts, with their attributes', async () => {
    const [deadTopic, dead] = await make();
    const [topic, subscription] = await make({deadLetterPolicy: {deadLetterTopic: deadTopic.name, maxDeliveryAttempts: 5}});
    const stream = listen(subscription, message => message.nack());
    await topic.publishMessage({data: Buffer.from('poison')});
    const [moved] = await pullSome(dead, 1);
    assert.deepEqual(stream.got.map(m => m.deliveryAttempt), [1, 2, 3, 4, 5]);
    assert.equal(moved.message.attributes.CloudPubSubDeadLetterSourceDeliveryCount, '5');
    assert.equal(moved.message.attributes.CloudPubSubDeadLetterSourceSubscriptionProject, projectId);
    await stream.close();
  });

  it('retry policy: no redelivery before the minimum', async () => {
    const [topic, subscription] = await make({retryPolicy: {minimumBackoff: {seconds: 3}, maximumBackoff: {seconds: 10}}});
    const times = [];
    const stream = listen(subscription, message => {
      times.push(Date.now());
      times.length === 2 ? message.ack() : message.nack();
    });
    await topic.publishMessage({data: Buffer.from('x')});
    await waitFor('two deliveries', () => times.length === 2);
    assert(times[1] - times[0] > 2500 && times[1] - times[0] < 15_000, `wait ${times[1] - times[0]} ms`);
    await stream.close();
  });

  it('filters: what does not match is no backlog', async () => {
    const [topic, subscription] = await make({filter: 'hasPrefix(attributes.kind, "a") AND NOT attributes:old'});
    for (const attributes of [{kind: 'ab'}, {kind: 'b'}, {kind: 'a', old: '1'}]) {
      await topic.publishMessage({attributes});
    }
    const stream = listen(subscription);
    await waitFor('the one', () => isEmpty(subscription.name));
    assert.deepEqual(stream.got.map(m => m.attributes.kind), ['ab']);
    await stream.close();
  });

  it('flow control: never more held than the client allows', async () => {
    const [topic, subscription] = await make();
    for (let n = 0; n < 40; n++) {
      await topic.publishMessage({data: Buffer.from(String(n))});
    }
    let now = 0;
    let most = 0;
    const stream = listen(subscription, async message => {
      most = Math.max(most, ++now);
      await pause(20);
      now--;
      message.ack();
    }, {flowControl: {maxMessages: 5}, streamingOptions: {maxStreams: 1}});
    await waitFor('all', async () => stream.got.length >= 40 && isEmpty(subscription.name), 60);
    assert(most <= 5, `held: ${most}`);
    assert.equal(stream.got.length, 40);
    await stream.close();
  });

  it('messages of 9 MB; publishing refused as documented', async () => {
    const [topic, subscription] = await make();
    const body = Buffer.alloc(9_000_000, 'abc');
    await topic.publishMessage({data: body});
    const stream = listen(subscription);
    await waitFor('the message', () => stream.got.length === 1);
    assert(stream.got[0].data.equals(body), 'the same bytes');
    await waitFor('the acknowledgement', () => isEmpty(subscription.name));
    await refused(INVALID, 'attributes', () => topic.publishMessage({attributes: {['k'.repeat(257)]: 'v'}}));
    await refused(NOT_FOUND, 'no such topic', () => client.topic('none-such').publishMessage({data: Buffer.from('x')}));
    await stream.close();
  });

  it('REST: topics, publish, pull', async () => {
    const [hostname, port] = process.env.PUBSUB_EMULATOR_HOST.split(':');
    const authClient = {
      getRequestHeaders: async () => new Map(), getUniverseDomain: async () => 'googleapis.com',
      request: async options => ({data: await (await fetch(options.url, options)).json()}),
      fetch: async (url, options) => fetch(url, options), getClient: async () => authClient,
    };
    const options = {fallback: true, protocol: 'http', servicePath: hostname, apiEndpoint: hostname, port: Number(port),
      projectId, auth: authClient};
    const publisher = new v1.PublisherClient(options);
    const name = `${project}/topics/${fresh('rest')}`;
    const [topic] = await publisher.createTopic({name});
    assert.equal(topic.name, name);
    const [subscription] = await client.createSubscription(name, fresh('rest'));
    const [answer] = await publisher.publish({topic: name, messages: [{data: Buffer.from('over REST'), attributes: {a: 'b'}}]});
    assert.equal(answer.messageIds.length, 1);
    assert.equal((await pullSome(subscription, 1))[0].message.data.toString(), 'over REST');
    await assert.rejects(publisher.getTopic({topic: `${project}/topics/none-such`}));
  });
};
