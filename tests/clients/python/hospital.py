"""What the Healthcare cases share: the client, a dataset, stores, messages that nobody sent."""
import base64
import hashlib
import json
import os
import threading

import google.auth.credentials
from cases import fresh
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

ENDPOINT = os.environ['HEALTHCARE']
LOCATION = 'projects/python/locations/us-central1'
_local = threading.local()


def service(version='v1'):
    """The library's connections are of one thread each."""
    kept = getattr(_local, version, None)
    if kept is None:
        kept = build('healthcare', version, client_options={'api_endpoint': ENDPOINT}, cache_discovery=False,
                     credentials=google.auth.credentials.AnonymousCredentials())
        setattr(_local, version, kept)
    return kept


class Collection:
    """datasets, stores or messages of the calling thread's client."""

    def __init__(self, find, version='v1'):
        self.find, self.version = find, version

    def __getattr__(self, method):
        return getattr(self.find(service(self.version).projects().locations().datasets()), method)


datasets = Collection(lambda d: d)
operations = Collection(lambda d: d.operations())
stores = Collection(lambda d: d.hl7V2Stores())
messages = Collection(lambda d: d.hl7V2Stores().messages())
messages_beta = Collection(lambda d: d.hl7V2Stores().messages(), 'v1beta1')


def make_store(**body):
    name = fresh('store')
    return stores.create(parent=dataset, hl7V2StoreId=name, body=body).execute()['name']


def hl7(control, kind='ADT^A01', facility='EAST', time='20260102030405', patient='1001', more=''):
    return ('MSH|^~\\&|APP|%s|THERE|WEST|%s||%s|%s|T|2.5\rPID|1||%s^^^HOSP^MRN||DOE^%s\r%s'
            % (facility, time, kind, control, patient, control, more)).encode()


def encoded(data):
    return {'message': {'data': base64.b64encode(data).decode()}}


def create(store, data, **fields):
    body = encoded(data)
    body['message'].update(fields)
    return messages.create(parent=store, body=body).execute()


def message_id(data):
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode()


def http_error(status, code, request):
    """The request fails with that; returns the error's details."""
    try:
        got = request.execute()
    except HttpError as error:
        body = json.loads(error.content)['error']
        if (error.resp.status, body['status'], body['code']) != (status, code, status):
            raise AssertionError('HTTP %d %s is documented, not %d %s: %s' % (
                status, code, error.resp.status, body['status'], body['message']))
        return body.get('details', [])
    raise AssertionError('HTTP %d %s is documented; it was accepted: %r' % (status, code, got))


dataset = LOCATION + '/datasets/suite'
datasets.create(parent=LOCATION, datasetId='suite', body={}).execute()
