#!/usr/bin/env python3
"""Prism: a bounded job to DONE, with workers from a pool of the submitter, from a pool apart, and as processes of the runner."""
import beam_lib  # noqa: F401
import bounded
import world as W
from runners import Pool, Runner, need
from tap import story

need('prism', 'a bounded job on Prism')


def one(*flags):
    with W.World(accept_all='source') as w:
        bounded.furnish(w)
        with Runner('prism', w) as prism, Pool(w) as pool:
            more = ('--environment_config', pool.place) if 'EXTERNAL' in flags else ()
            bounded.run(w, prism, 'PrismRunner', *flags, *more)


with story():
    one('--environment_type', 'LOOPBACK')
    one('--environment_type', 'EXTERNAL')
    one('--environment_type', 'PROCESS')
