"""A Pipeline message as nested dicts, read from the wire by a table of our own: it shares no code with the writer.

Fields that the table does not know appear as "field N", so that nothing is passed over in silence.
"""

BYTES, TEXT, INT, BOOL = 'bytes', 'text', 'int', 'bool'


def many(kind):
    return ('many', kind)


def mapped(kind):
    return ('map', kind)


SPEC = {1: ('urn', TEXT), 3: ('payload', BYTES)}
TRIGGER = {7: ('default', {})}
PIPELINE = {
    1: ('components', {
        1: ('transforms', mapped({1: ('spec', SPEC), 2: ('subtransforms', many(TEXT)), 3: ('inputs', mapped(TEXT)),
                                  4: ('outputs', mapped(TEXT)), 5: ('unique_name', TEXT), 7: ('environment_id', TEXT)})),
        2: ('pcollections', mapped({1: ('unique_name', TEXT), 2: ('coder_id', TEXT), 3: ('is_bounded', INT),
                                    4: ('windowing_strategy_id', TEXT)})),
        3: ('windowing_strategies', mapped({
            1: ('window_fn', SPEC), 2: ('merge_status', INT), 3: ('window_coder_id', TEXT), 4: ('trigger', TRIGGER),
            5: ('accumulation_mode', INT), 6: ('output_time', INT), 7: ('closing_behavior', INT), 8: ('allowed_lateness', INT),
            9: ('on_time_behavior', INT), 10: ('assigns_to_one_window', BOOL), 11: ('environment_id', TEXT)})),
        4: ('coders', mapped({1: ('spec', SPEC), 2: ('component_coder_ids', many(TEXT))})),
        5: ('environments', mapped({2: ('urn', TEXT), 3: ('payload', BYTES), 5: ('capabilities', many(TEXT)),
                                    7: ('resource_hints', mapped(BYTES))})),
    }),
    2: ('root_transform_ids', many(TEXT)),
    4: ('requirements', many(TEXT)),
}
PARDO = {1: ('do_fn', SPEC), 7: ('restriction_coder_id', TEXT), 8: ('requests_finalization', BOOL)}
PUBSUB_READ = {1: ('topic', TEXT), 2: ('subscription', TEXT), 3: ('timestamp_attribute', TEXT), 4: ('id_attribute', TEXT),
               5: ('with_attributes', BOOL)}
DOCKER = {1: ('container_image', TEXT)}


def varint(raw, at):
    n = shift = 0
    while True:
        n |= (raw[at] & 0x7f) << shift
        shift += 7
        at += 1
        if raw[at - 1] < 0x80:
            return n, at


def fields(raw):
    at = 0
    while at < len(raw):
        tag, at = varint(raw, at)
        if tag & 7 == 0:
            value, at = varint(raw, at)
        elif tag & 7 == 2:
            size, at = varint(raw, at)
            value, at = raw[at:at + size], at + size
            if len(value) != size:
                raise ValueError('cut short')
        else:
            raise ValueError('wire type %d' % (tag & 7))
        yield tag >> 3, value


def value_of(kind, value):
    if isinstance(kind, dict):
        return decode(kind, value)
    if kind is TEXT:
        return value.decode()
    return bool(value) if kind is BOOL else value


def decode(table, raw):
    out = {}
    for number, value in fields(raw):
        name, kind = table.get(number, ('field %d' % number, None))
        if kind is None:
            out[name] = value
        elif isinstance(kind, tuple) and kind[0] == 'many':
            out.setdefault(name, []).append(value_of(kind[1], value))
        elif isinstance(kind, tuple):
            entry = dict(fields(value))
            empty = b'' if isinstance(kind[1], dict) or kind[1] in (TEXT, BYTES) else 0
            out.setdefault(name, {})[entry.get(1, b'').decode()] = value_of(kind[1], entry.get(2, empty))
        else:
            out[name] = value_of(kind, value)
    return out


def pipeline(raw):
    """Payloads that we know are taken apart, too."""
    p = decode(PIPELINE, raw)
    for t in p['components']['transforms'].values():
        spec = t['spec']
        if spec['urn'] == 'beam:transform:pardo:v1':
            spec['payload'] = decode(PARDO, spec['payload'])
        elif spec['urn'] == 'beam:transform:pubsub_read:v1':
            spec['payload'] = decode(PUBSUB_READ, spec['payload'])
    for e in p['components']['environments'].values():
        if e['urn'] == 'beam:env:docker:v1':
            e['payload'] = decode(DOCKER, e['payload'])
    return p
