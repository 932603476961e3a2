"""HL7v2 messages by google-api-python-client, and their notifications by google-cloud-pubsub."""
import base64
import time

from cases import Stream, case, equal, fresh, is_empty, make_subscription, pull, pull_some, true, wait_for
from hospital import (create, dataset, encoded, hl7, http_error, make_store, message_id, messages, messages_beta,
                      operations, stores)


def hl7_of(base64_text):
    return base64.b64decode(base64_text).decode().split('\r')


@case('messages: created, read in every view, deleted')
def message_views():
    store, data = make_store(parserConfig={'version': 'V3'}), hl7('views')
    made = create(store, data, labels={'a': 'b'})
    equal(made['name'], '%s/messages/%s' % (store, message_id(data)))
    everything = {'name', 'data', 'createTime', 'sendFacility', 'sendTime', 'messageType', 'patientIds', 'labels'}
    for view, wanted in ((None, everything | {'parsedData'}), ('FULL', everything | {'parsedData'}),
                         ('RAW_ONLY', everything), ('PARSED_ONLY', everything - {'data'} | {'parsedData'}),
                         ('BASIC', {'name'})):
        got = messages.get(name=made['name'], view=view).execute()
        got.pop('schematizedData', None)
        equal(set(got), wanted, view)
    got = messages.get(name=made['name']).execute()
    equal(base64.b64decode(got['data']), data)
    equal((got['sendFacility'], got['messageType'], got['sendTime'], got['patientIds'], got['labels']),
          ('EAST', 'ADT', '2026-01-02T03:04:05Z', [{'value': '1001', 'type': 'MRN'}], {'a': 'b'}))
    pid = [s for s in got['parsedData']['segments'] if s['segmentId'] == 'PID'][0]
    equal((pid['fields']['3.1'], pid['fields']['3.5'], pid['fields']['5.1']), ('1001', 'MRN', 'DOE'))
    equal(messages.delete(name=made['name']).execute(), {})
    http_error(404, 'NOT_FOUND', messages.get(name=made['name']))
    http_error(404, 'NOT_FOUND', messages.delete(name=made['name']))


@case('messages: ingested, with the acknowledgement that HL7 wants')
def message_ingest():
    store, data = make_store(), hl7('ingest-1')
    got = messages.ingest(parent=store, body=encoded(data)).execute()
    msh, msa = hl7_of(got['hl7Ack'])[:2]
    fields = msh.split('|')
    equal((fields[2:6], fields[8], fields[10:12]), (['THERE', 'WEST', 'APP', 'EAST'], 'ACK', ['T', '2.5']))
    equal(msa.split('|')[:3], ['MSA', 'AA', 'ingest-1'])
    equal(got['message']['name'].split('/')[-1], message_id(data))
    again = messages.ingest(parent=store, body=encoded(data)).execute()
    equal(again['hl7Ack'], got['hl7Ack'], 'the same bytes, the same acknowledgement')


@case('messages: parsedData of the parser versions')
def message_parsed():
    data = b'MSH|^~\\&|A|SEND_FACILITY|A|A|20180101000000||TYPE^A|20180101000000|T|0.0|||AA||00|ASCII\rEVN|A00|' \
        b'20180101040000\rPID||14\x01111^^^^MRN|11111111^^^^MRN~1111111111^^^^ORGNMBR'
    equal(message_id(data), '2yqbdhYHlk_ucSmWkcKOVm_N0p0OpBXgIlVG18rB-cw=')
    first = {'0': 'MSH', '1': '^~\\&', '2': 'A', '3': 'SEND_FACILITY', '4': 'A', '5': 'A', '6': '20180101000000',
             '8.1': 'TYPE', '8.2': 'A', '9': '20180101000000', '10': 'T', '11': '0.0', '14': 'AA', '16': '00', '17': 'ASCII'}
    store = make_store(parserConfig={'version': 'V1'})
    got = messages.get(name=create(store, data)['name']).execute()
    equal(got['parsedData']['segments'][0]['fields'], first)
    equal(got['parsedData']['segments'][2]['fields'], {
        '0': 'PID', '2.1': '14\x01111', '2.5': 'MRN', '3[0].1': '11111111', '3[0].5': 'MRN', '3[1].1': '1111111111',
        '3[1].5': 'ORGNMBR'})
    equal(got['patientIds'], [{'value': '14\x01111', 'type': 'MRN'}, {'value': '11111111', 'type': 'MRN'},
                              {'value': '1111111111', 'type': 'ORGNMBR'}])
    store = make_store(parserConfig={'version': 'V2'})
    fields = messages.get(name=create(store, data)['name']).execute()['parsedData']['segments'][0]['fields']
    equal((fields['2'], fields['4'], fields['9.1']), ('^~\\&', 'SEND_FACILITY', 'TYPE'))


@case('messages: listed by filters, in order, in pages, in views')
def message_list():
    store = make_store()
    for n in range(12):
        create(store, hl7('list-%d' % n, kind=('ADT^A01', 'ORU^R01', 'SIU^S12')[n % 3],
                          facility='EAST' if n < 6 else 'NORTH', time='202601%02d120000' % (n + 1), patient=str(5000 + n)),
               labels={'n': str(n)} if n % 2 else {})

    def controls(text, **more):
        got, request = [], messages.list(parent=store, filter=text, view='FULL', pageSize=5, orderBy='send_time', **more)
        while request is not None:
            page = request.execute()
            true(len(page.get('hl7V2Messages', [])) <= 5, 'the page size')
            got += [int(m['sendTime'][8:10]) - 1 for m in page.get('hl7V2Messages', [])]
            true(len(got) <= 12, 'the list ends')
            request = messages.list_next(request, page)
        return got
    for text, wanted in (
            ('', range(12)), ('message_type = "ADT"', range(0, 12, 3)), ('messageType = "ORU"', range(1, 12, 3)),
            ('send_facility = "NORTH"', range(6, 12)), ('NOT message_type = "ADT"', [1, 2, 4, 5, 7, 8, 10, 11]),
            ('send_date = "2026-01-03"', [2]), ('send_time >= "2026-01-11T00:00:00Z"', [10, 11]),
            ('send_time < "2026-01-02T00:00:00+00:00"', [0]), ('sendTime > "2026-01-11T12:00:00Z"', [11]),
            ('PatientId("5007", "MRN")', [7]), ('labels."n"="3"', [3]), ('labels."n":*', range(1, 12, 2)),
            ('create_time > "2020-01-01T00:00:00Z" AND send_facility = "EAST"', range(6)),
            ('(message_type = "ADT" OR message_type = "SIU") AND send_facility = "EAST"', [0, 2, 3, 5])):
        equal(controls(text), list(wanted), text)
    long = ' OR '.join('send_time = "2026-01-%02dT12:00:00.000000000Z"' % n for n in range(1, 10))
    long = '(%s)' % ' OR '.join([long] * 6)
    true(len(long) > 2048, 'a filter that this library sends as POST with an override')
    equal(controls(long), list(range(9)), 'a long filter')
    got = messages.list(parent=store, orderBy='send_time desc', view='BASIC', pageSize=3).execute()['hl7V2Messages']
    equal([set(m) for m in got], [{'name'}] * 3)
    top = messages.get(name=got[0]['name']).execute()
    equal(top['sendTime'], '2026-01-12T12:00:00Z')
    got = messages.list(parent=store).execute()['hl7V2Messages']
    equal((len(got), set(got[0])), (12, {'name'}), 'the default view of a list is BASIC')
    for bad in ('message_type = ', 'nonsense', 'message_type != "ADT"', 'send_time > "yesterday"'):
        http_error(400, 'INVALID_ARGUMENT', messages.list(parent=store, filter=bad))
    http_error(400, 'INVALID_ARGUMENT', messages.list(parent=store, orderBy='no_such_field'))
    http_error(400, 'INVALID_ARGUMENT', messages.list(parent=store, pageToken='garbage'))
    http_error(404, 'NOT_FOUND', messages.list(parent=dataset + '/hl7V2Stores/none'))
    equal(messages.list(parent=make_store()).execute(), {})


@case('messages: labels are patched, nothing else is')
def message_patch():
    store = make_store()
    name = create(store, hl7('patch'), labels={'a': '1'})['name']
    got = messages.patch(name=name, updateMask='labels', body={'labels': {'b': '2'}}).execute()
    equal(got['labels'], {'a': '1', 'b': '2'}, 'merged')
    equal(messages.get(name=name).execute()['labels'], {'a': '1', 'b': '2'})
    http_error(400, 'INVALID_ARGUMENT', messages.patch(name=name, updateMask='data', body={'data': 'AAAA'}))
    http_error(400, 'INVALID_ARGUMENT', messages.patch(name=name, body={'labels': {}}))
    http_error(400, 'INVALID_ARGUMENT', messages.patch(name=name, updateMask='labels', body={'labels': {'UP': 'x'}}))
    http_error(404, 'NOT_FOUND', messages.patch(name=store + '/messages/none', updateMask='labels', body={}))


@case('messages: batchGet of v1beta1')
def message_batch():
    store = make_store()
    ids = [create(store, hl7('batch-%d' % n))['name'].split('/')[-1] for n in range(5)]
    got = messages_beta.batchGet(parent=store, ids=ids[:3], view='FULL').execute()['messages']
    equal(sorted(m['name'].split('/')[-1] for m in got), sorted(ids[:3]))
    true(all('data' in m for m in got), 'the view')
    got = messages_beta.batchGet(parent=store, ids=ids).execute()['messages']
    equal([set(m) for m in got], [{'name'}] * 5, 'the default view is BASIC')
    http_error(400, 'INVALID_ARGUMENT', messages_beta.batchGet(parent=store, ids=['x'] * 101))


@case('messages: malformed ones are refused, ingest adds the NACK')
def message_refused():
    store = make_store()
    for data in (b'', b'no header', b'MSH', b'MSH|^~\\&|A|B', hl7('e').replace(b'|2.5', b'|2.5||||||8859/1')):
        http_error(400, 'INVALID_ARGUMENT', messages.create(parent=store, body=encoded(data)))
        http_error(400, 'INVALID_ARGUMENT', messages.ingest(parent=store, body=encoded(data)))
    details = http_error(400, 'INVALID_ARGUMENT', messages.ingest(parent=store, body=encoded(
        hl7('nacked').replace(b'|2.5', b'|2.5||||||8859/1'))))
    nack = [d for d in details if 'hl7Nack' in d][0]
    true(nack['@type'].endswith('IngestMessageErrorDetail'), nack['@type'])
    msa = [s for s in hl7_of(nack['hl7Nack']) if s.startswith('MSA')][0].split('|')
    equal((msa[1], msa[2]), ('AE', 'nacked'))
    true(msa[3], 'a text')
    for body in ({}, {'message': {}}, {'message': {'data': '!!!'}}, {'message': {'data': 'TVNI', 'nope': 1}}, {'no': 1}):
        http_error(400, 'INVALID_ARGUMENT', messages.create(parent=store, body=body))
    http_error(404, 'NOT_FOUND', messages.create(parent=dataset + '/hl7V2Stores/none', body=encoded(hl7('x'))))
    equal(messages.list(parent=store).execute(), {})


@case('messages: a duplicate is refused where the store says so')
def message_duplicate():
    store, data = make_store(rejectDuplicateMessage=True), hl7('dup')
    messages.ingest(parent=store, body=encoded(data)).execute()
    details = http_error(409, 'ALREADY_EXISTS', messages.ingest(parent=store, body=encoded(data)))
    msa = [s for s in hl7_of(details[0]['hl7Nack']) if s.startswith('MSA')][0].split('|')
    equal(msa[1:3], ['AE', 'dup'])
    http_error(409, 'ALREADY_EXISTS', messages.create(parent=store, body=encoded(data)))
    equal(len(messages.list(parent=store).execute()['hl7V2Messages']), 1)
    free = make_store()
    equal(create(free, data)['name'], create(free, data)['name'])
    equal(len(messages.list(parent=free).execute()['hl7V2Messages']), 1)


@case('messages: seven megabytes are taken, more than 10 MB a request are not')
def message_large():
    store = make_store()
    data = hl7('large', more='OBX|1|TX|N||' + 'x' * 7_000_000 + '\r')
    name = create(store, data)['name']
    equal(base64.b64decode(messages.get(name=name, view='RAW_ONLY').execute()['data']) == data, True)
    http_error(400, 'INVALID_ARGUMENT', messages.create(parent=store, body=encoded(
        hl7('over', more='OBX|1|TX|N||' + 'x' * 8_000_000 + '\r'))))


@case('notifications: within a second, as documented, none for a duplicate or beside the filter')
def notifications():
    topic, name = make_subscription()
    _, adt = make_subscription(topic, filter='attributes.msgType = "ADT"')
    lab, lab_name = make_subscription()
    store = make_store(notificationConfigs=[{'pubsubTopic': topic},
                                            {'pubsubTopic': lab, 'filter': 'message_type = "ORU"'}])
    with Stream(name) as stream:
        began = time.monotonic()
        first = create(store, hl7('n1'))['name']
        wait_for('the notification', lambda: stream.got, 10)
        true(time.monotonic() - began < 1.5, 'within a second or so: %.1f s' % (time.monotonic() - began))
        equal((stream.got[0].data.decode(), dict(stream.got[0].attributes), stream.got[0].ordering_key),
              (first, {'msgType': 'ADT'}, ''))
        create(store, hl7('n1'))
        messages.ingest(parent=store, body=encoded(hl7('n1'))).execute()
        second = messages.ingest(parent=store, body=encoded(hl7('n2', kind='ORU^R01'))).execute()['message']['name']
        wait_for('the second', lambda: len(stream.got) >= 2, 10)
        wait_for('acknowledged', lambda: is_empty(name))
        equal([m.data.decode() for m in stream.got], [first, second])
    equal([r.message.data.decode() for r in pull_some(lab_name, 1) + pull(lab_name)], [second])
    equal([r.message.data.decode() for r in pull_some(adt, 1) + pull(adt)], [first])


@case('partial answers: fields, prettyPrint, quotaUser')
def partial():
    from hospital import ENDPOINT
    import urllib.request
    store = make_store(labels={'a': 'b'})
    got = stores.get(name=store, fields='name').execute()
    equal(got, {'name': store})
    create(store, hl7('f1'))
    got = messages.list(parent=store, view='FULL', fields='hl7V2Messages(name,messageType)').execute()
    equal([set(m) for m in got['hl7V2Messages']], [{'name', 'messageType'}])
    for query in ('prettyPrint=false&quotaUser=me&key=k&$.xgafv=2', 'prettyPrint=true&alt=json'):
        with urllib.request.urlopen('%s/v1/%s?%s' % (ENDPOINT, store, query), timeout=10) as answer:
            equal((b'\n ' in answer.read()), 'true' in query, query)


@case('export to a topic: names of what the filter takes')
def export_topic():
    topic, name = make_subscription()
    store = make_store()
    names = [create(store, hl7('e%d' % n, kind=('ADT^A01', 'ORU^R01')[n % 2]))['name'] for n in range(4)]
    operation = stores.export(name=store, body={'pubsubDestination': {'pubsubTopic': topic},
                                                'filter': 'message_type = "ADT"'}).execute()
    done = wait_for('the operation', lambda: next(
        (o for o in [operations.get(name=operation['name']).execute()] if o.get('done')), None))
    true('error' not in done, 'an error: %r' % done.get('error'))
    equal(sorted(r.message.data.decode() for r in pull_some(name, 2) + pull(name)), sorted(names[::2]))


@case('export to a folder, import from it: the same messages in another store')
def export_import():
    source, target = make_store(), make_store()
    names = [create(source, hl7('io%d' % n), labels={'n': str(n)})['name'].split('/')[-1] for n in range(4)]
    uri = 'gs://bucket/' + fresh('export')

    def finished(operation):
        done = wait_for('the operation', lambda: next(
            (o for o in [operations.get(name=operation['name']).execute()] if o.get('done')), None))
        true('error' not in done, 'an error: %r' % done.get('error'))
        return done
    finished(stores.export(name=source, body={'gcsDestination': {
        'uriPrefix': uri, 'contentStructure': 'MESSAGE_JSON', 'messageView': 'FULL'}}).execute())
    finished(getattr(stores, 'import_')(name=target, body={'gcsSource': {'uri': uri + '/**'}}).execute())
    got = messages.list(parent=target, view='RAW_ONLY').execute()['hl7V2Messages']
    equal(sorted(m['name'].split('/')[-1] for m in got), sorted(names))
    equal(sorted(m['labels']['n'] for m in got), ['0', '1', '2', '3'])


@case('metrics of a store count its messages by type')
def metrics():
    store = make_store()
    for n in range(3):
        create(store, hl7('m%d' % n, kind=('ADT^A01', 'ORU^R01')[n % 2]))
    got = stores.getHL7v2StoreMetrics(name=store).execute()
    equal({m['messageType']: int(m['count']) for m in got['metrics']}, {'ADT': 2, 'ORU': 1})
