// @googleapis/healthcare: datasets, stores, messages; notifications by @google-cloud/pubsub.
'use strict';

const {add, assert, fresh, isEmpty, refused, waitFor} = require('./cases');

const projectId = 'node-hospital';
const location = `projects/${projectId}/locations/us-central1`;

module.exports = ({healthcare, auth}, {PubSub}) => {
  const token = new auth.OAuth2();
  token.setCredentials({access_token: 'any', expiry_date: Date.now() + 86400_000});
  const client = healthcare({version: 'v1', auth: token, rootUrl: process.env.HEALTHCARE + '/'});
  const beta = healthcare({version: 'v1beta1', auth: token, rootUrl: process.env.HEALTHCARE + '/'});
  const datasets = client.projects.locations.datasets;
  const stores = datasets.hl7V2Stores;
  const letters = stores.messages;
  const it = (name, run) => add(`healthcare: ${name}`, run);

  const hl7 = (control, kind = 'ADT^A01') => Buffer.from(
    `MSH|^~\\&|APP|EAST|THERE|WEST|20260102030405||${kind}|${control}|T|2.5\rPID|1||1001^^^HOSP^MRN||DOE^X\r`);
  const create = async (parent, data) =>
    (await letters.create({parent, requestBody: {message: {data: data.toString('base64')}}})).data;

  let parent;
  function suite() {
    parent = parent || (async () => {
      const {data} = await datasets.create({parent: location, datasetId: 'suite', requestBody: {}});
      await finished(data.name);
      return `${location}/datasets/suite`;
    })();
    return parent;
  }

  async function finished(name) {
    const op = await waitFor('the operation', async () => {
      const {data} = await datasets.operations.get({name});
      return data.done && data;
    });
    assert.equal(op.error, undefined);
    return op;
  }

  async function store(requestBody = {}) {
    return (await stores.create({parent: await suite(), hl7V2StoreId: fresh('store'), requestBody})).data.name;
  }

  it('datasets and stores: made, read, changed, listed, deleted', async () => {
    const name = await store({labels: {a: 'b'}, parserConfig: {version: 'V3'}, rejectDuplicateMessage: true});
    const {data} = await stores.get({name});
    assert.deepEqual([data.labels, data.parserConfig.version, data.rejectDuplicateMessage], [{a: 'b'}, 'V3', true]);
    const changed = await stores.patch({name, updateMask: 'labels', requestBody: {labels: {c: 'd'}}});
    assert.deepEqual(changed.data.labels, {c: 'd'});
    const listed = await stores.list({parent: await suite(), pageSize: 1});
    assert.equal(listed.data.hl7V2Stores.length, 1);
    await stores.delete({name});
    await refused(404, 'deleted', () => stores.get({name}));
    await refused(404, 'no dataset', () => datasets.get({name: `${location}/datasets/none`}));
    await refused(409, 'made twice', async () => datasets.create({parent: location, datasetId: 'suite', requestBody: {}}));
  });

  it('messages: created, ingested, read in views, listed, patched, deleted', async () => {
    const where = await store();
    const made = await create(where, hl7('one'));
    const {data} = await letters.get({name: made.name});
    assert(Buffer.from(data.data, 'base64').equals(hl7('one')));
    assert.deepEqual([data.messageType, data.sendFacility, data.sendTime], ['ADT', 'EAST', '2026-01-02T03:04:05Z']);
    assert.deepEqual(Object.keys((await letters.get({name: made.name, view: 'BASIC'})).data), ['name']);
    const answer = await letters.ingest({parent: where, requestBody: {message: {data: hl7('two', 'ORU^R01').toString('base64')}}});
    assert.match(Buffer.from(answer.data.hl7Ack, 'base64').toString(), /\rMSA\|AA\|two/);
    const listed = await letters.list({parent: where, filter: 'message_type = "ORU"', view: 'RAW_ONLY', orderBy: 'send_time'});
    assert.deepEqual(listed.data.hl7V2Messages.map(m => m.name), [answer.data.message.name]);
    const patched = await letters.patch({name: made.name, updateMask: 'labels', requestBody: {labels: {x: 'y'}}});
    assert.deepEqual(patched.data.labels, {x: 'y'});
    const some = await beta.projects.locations.datasets.hl7V2Stores.messages.batchGet({
      parent: where, ids: [made.name, answer.data.message.name].map(n => n.split('/').pop())});
    assert.equal(some.data.messages.length, 2);
    await letters.delete({name: made.name});
    await refused(404, 'deleted', () => letters.get({name: made.name}));
  });

  it('messages: refused with a NACK; a long filter; fields', async () => {
    const where = await store();
    const bad = Buffer.from(hl7('bad').toString().replace('|2.5\r', '|2.5||||||8859/1\r'));
    const error = await refused(400, 'an encoding', () =>
      letters.ingest({parent: where, requestBody: {message: {data: bad.toString('base64')}}}));
    const nack = Buffer.from(error.response.data.error.details[0].hl7Nack, 'base64').toString();
    assert.match(nack, /\rMSA\|AE\|bad\|/);
    await create(where, hl7('three'));
    const filter = Array.from({length: 40}, (_, n) => `send_time > "2026-01-01T00:00:00.${100 + n}000000Z"`).join(' AND ');
    const {data} = await letters.list({parent: where, filter, view: 'FULL', fields: 'hl7V2Messages/messageType'});
    assert.deepEqual(data, {hl7V2Messages: [{messageType: 'ADT'}]});
    await refused(400, 'a bad filter', () => letters.list({parent: where, filter: 'nonsense'}));
  });

  it('notifications arrive by @google-cloud/pubsub, none for a duplicate', async () => {
    const pubsub = new PubSub({projectId});
    const [topic] = await pubsub.createTopic(fresh('topic'));
    const [subscription] = await topic.createSubscription(fresh('sub'));
    const where = await store({notificationConfigs: [{pubsubTopic: topic.name}]});
    const got = [];
    subscription.on('message', message => {
      got.push(message);
      message.ack();
    });
    const made = await create(where, hl7('n1'));
    await create(where, hl7('n1'));
    await waitFor('the notification', async () => got.length && isEmpty(subscription.name), 10);
    assert.deepEqual(got.map(m => [m.data.toString(), {...m.attributes}]), [[made.name, {msgType: 'ADT'}]]);
    await subscription.close();
  });

  it('export to a folder, import, iam', async () => {
    const where = await store();
    await create(where, hl7('x1'));
    const uri = `gs://bucket/${fresh('node')}`;
    const out = await stores.export({name: where, requestBody: {gcsDestination: {uriPrefix: uri, contentStructure: 'MESSAGE_JSON'}}});
    await finished(out.data.name);
    const other = await store();
    await finished((await stores.import({name: other, requestBody: {gcsSource: {uri: `${uri}/**`}}})).data.name);
    assert.equal((await letters.list({parent: other})).data.hl7V2Messages.length, 1);
    const bindings = [{role: 'roles/viewer', members: ['user:a@example.com']}];
    await stores.setIamPolicy({resource: where, requestBody: {policy: {bindings}}});
    assert.deepEqual((await stores.getIamPolicy({resource: where})).data.bindings, bindings);
  });
};
