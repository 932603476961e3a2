"""Datasets and HL7v2 stores by google-api-python-client: made, read, listed, changed, deleted."""
import base64

from cases import PROJECT, case, equal, fresh, true, wait_for
from hospital import (LOCATION, dataset, datasets, http_error, make_store, operations, stores)


@case('datasets: made by a long-running operation, read, listed in pages, deleted')
def dataset_life():
    location = 'projects/python-%s/locations/europe-west4' % fresh('datasets')
    for n in range(5):
        operation = datasets.create(parent=location, datasetId='set-%d' % n, body={}).execute()
        done = wait_for('the operation', lambda: next(
            o for o in [operations.get(name=operation['name']).execute()] if o.get('done')))
        equal(done['response']['name'], '%s/datasets/set-%d' % (location, n))
        true('error' not in done, 'an error')
    names, request = [], datasets.list(parent=location, pageSize=2)
    pages = 0
    while request is not None:
        page = request.execute()
        true(len(page['datasets']) <= 2, 'a page of at most two')
        names += [d['name'] for d in page['datasets']]
        request, pages = datasets.list_next(request, page), pages + 1
    equal(names, ['%s/datasets/set-%d' % (location, n) for n in range(5)])
    equal(pages, 3)
    equal(datasets.get(name=names[0]).execute()['name'], names[0])
    equal(datasets.delete(name=names[0]).execute(), {})
    http_error(404, 'NOT_FOUND', datasets.get(name=names[0]))
    got = operations.list(name=names[1]).execute()
    true(any(o['name'].startswith(names[1]) for o in got.get('operations', [])), 'its operations')


@case('datasets: a time zone is kept, and changed by a mask')
def dataset_zone():
    location = 'projects/python-%s/locations/us-central1' % fresh('zone')
    datasets.create(parent=location, datasetId='zoned', body={'timeZone': 'Europe/Amsterdam'}).execute()
    name = location + '/datasets/zoned'
    equal(datasets.get(name=name).execute()['timeZone'], 'Europe/Amsterdam')
    got = datasets.patch(name=name, updateMask='timeZone', body={'timeZone': 'UTC'}).execute()
    equal(got['timeZone'], 'UTC')


@case('datasets: errors as documented')
def dataset_errors():
    http_error(409, 'ALREADY_EXISTS', datasets.create(parent=LOCATION, datasetId=dataset.split('/')[-1], body={}))
    http_error(400, 'INVALID_ARGUMENT', datasets.create(parent=LOCATION, datasetId='b@d id', body={}))
    http_error(400, 'INVALID_ARGUMENT', datasets.create(parent=LOCATION, body={}))
    http_error(404, 'NOT_FOUND', datasets.get(name=LOCATION + '/datasets/none'))
    http_error(404, 'NOT_FOUND', datasets.delete(name=LOCATION + '/datasets/none'))
    http_error(404, 'NOT_FOUND', operations.get(name=dataset + '/operations/1234567890'))


@case('stores: every field that was set comes back')
def store_fields():
    for version in ('V1', 'V2', 'V3'):
        body = {
            'parserConfig': {'version': version, 'allowNullHeader': True,
                             'segmentTerminator': base64.b64encode(b'\r\n').decode()},
            'notificationConfigs': [{'pubsubTopic': PROJECT + '/topics/no-such', 'filter': 'message_type = "ADT"'},
                                    {'pubsubTopic': PROJECT + '/topics/other'}],
            'rejectDuplicateMessage': True, 'labels': {'ward': 'three', 'x': ''},
        }
        name = make_store(**body)
        got = stores.get(name=name).execute()
        equal(got.pop('name'), name)
        equal(got, body, version)


@case('stores: changed by a mask; the parser version never')
def store_patch():
    name = make_store(parserConfig={'version': 'V2'}, labels={'a': '1'})
    got = stores.patch(name=name, updateMask='labels', body={'labels': {'b': '2'}}).execute()
    equal(got['labels'], {'b': '2'})
    got = stores.patch(name=name, updateMask='rejectDuplicateMessage', body={'rejectDuplicateMessage': True}).execute()
    true(got['rejectDuplicateMessage'], 'changed')
    configs = [{'pubsubTopic': PROJECT + '/topics/changed'}]
    got = stores.patch(name=name, updateMask='notificationConfigs', body={'notificationConfigs': configs}).execute()
    equal(got['notificationConfigs'], configs)
    equal((got['labels'], got['parserConfig']['version']), ({'b': '2'}, 'V2'))
    http_error(400, 'INVALID_ARGUMENT', stores.patch(name=name, updateMask='parserConfig.version',
                                                     body={'parserConfig': {'version': 'V3'}}))
    http_error(400, 'INVALID_ARGUMENT', stores.patch(name=name, updateMask='noSuchField', body={}))
    http_error(400, 'INVALID_ARGUMENT', stores.patch(name=name, body={'labels': {}}))
    http_error(404, 'NOT_FOUND', stores.patch(name=dataset + '/hl7V2Stores/none', updateMask='labels', body={}))


@case('stores: lists are paged, complete, filtered by labels')
def store_list():
    location = 'projects/python-%s/locations/us-central1' % fresh('stores')
    datasets.create(parent=location, datasetId='d', body={}).execute()
    parent = location + '/datasets/d'
    for n in range(5):
        stores.create(parent=parent, hl7V2StoreId='s%d' % n, body={'labels': {'even': str(n % 2 == 0).lower()}}).execute()
    names, request = [], stores.list(parent=parent, pageSize=2)
    while request is not None:
        page = request.execute()
        names += [s['name'].split('/')[-1] for s in page['hl7V2Stores']]
        request = stores.list_next(request, page)
    equal(names, ['s0', 's1', 's2', 's3', 's4'])
    got = stores.list(parent=parent, filter='labels.even=true').execute()
    equal([s['name'].split('/')[-1] for s in got['hl7V2Stores']], ['s0', 's2', 's4'])
    equal(stores.list(parent=parent, filter='labels.even=maybe').execute().get('hl7V2Stores', []), [])


@case('stores: errors as documented')
def store_errors():
    name = make_store()
    http_error(409, 'ALREADY_EXISTS', stores.create(parent=dataset, hl7V2StoreId=name.split('/')[-1], body={}))
    http_error(404, 'NOT_FOUND', stores.create(parent=LOCATION + '/datasets/none', hl7V2StoreId='x', body={}))
    http_error(404, 'NOT_FOUND', stores.get(name=dataset + '/hl7V2Stores/none'))
    http_error(400, 'INVALID_ARGUMENT', stores.create(parent=dataset, hl7V2StoreId='sla/sh', body={}))
    http_error(400, 'INVALID_ARGUMENT', stores.create(parent=dataset, body={}))
    http_error(400, 'INVALID_ARGUMENT', stores.create(parent=dataset, hl7V2StoreId=fresh('s'), body={
        'parserConfig': {'version': 'V9'}}))
    http_error(400, 'INVALID_ARGUMENT', stores.create(parent=dataset, hl7V2StoreId=fresh('s'), body={
        'notificationConfigs': [{'pubsubTopic': 'no topic name'}]}))
    http_error(400, 'INVALID_ARGUMENT', stores.create(parent=dataset, hl7V2StoreId=fresh('s'), body={
        'labels': {'UPPER': 'x'}}))
    details = http_error(400, 'INVALID_ARGUMENT', stores.create(parent=dataset, hl7V2StoreId=fresh('s'), body={
        'noSuchField': 1}))
    equal(details[0]['@type'], 'type.googleapis.com/google.rpc.BadRequest')
    true('noSuchField' in details[0]['fieldViolations'][0]['description'], 'the field is named: %r' % details)
    equal(stores.delete(name=name).execute(), {})
    http_error(404, 'NOT_FOUND', stores.get(name=name))
    http_error(404, 'NOT_FOUND', stores.delete(name=name))


@case('iam: policies of datasets and stores are kept, permissions tested')
def store_iam():
    name = make_store()
    for collection, resource, right in ((datasets, dataset, 'healthcare.datasets.get'),
                                        (stores, name, 'healthcare.hl7V2Messages.ingest')):
        policy = collection.getIamPolicy(resource=resource).execute()
        policy['bindings'] = [{'role': 'roles/healthcare.hl7V2Ingest', 'members': ['user:someone@example.com']}]
        kept = collection.setIamPolicy(resource=resource, body={'policy': policy}).execute()
        true(kept['etag'], 'an etag')
        equal(collection.getIamPolicy(resource=resource).execute()['bindings'], policy['bindings'])
        got = collection.testIamPermissions(resource=resource, body={'permissions': [right]}).execute()
        equal(got['permissions'], [right])


@case('the discovery document serves clients that ask for it')
def discovery():
    import google.auth.credentials
    from googleapiclient.discovery import build
    from hospital import ENDPOINT
    client = build('healthcare', 'v1', static_discovery=False, cache_discovery=False,
                   discoveryServiceUrl=ENDPOINT + '/$discovery/rest?version={apiVersion}',
                   client_options={'api_endpoint': ENDPOINT},
                   credentials=google.auth.credentials.AnonymousCredentials())
    name = make_store()
    got = client.projects().locations().datasets().hl7V2Stores().get(name=name).execute()
    equal(got['name'], name)
